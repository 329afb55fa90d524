"""One field finds every record by what one has at hand, as far as one may see it."""

import pytest

from opsportal.identity.roles import Role
from opsportal.portal.search import find
from tests.factories.catalog import make_automation
from tests.factories.handoffs import make_handoff, make_rule
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db
ODD = ["", " ", "a", "\x00", "\x00\x00a", "%", "zzzz", "'; drop table x", "x" * 5000, "\ud800x"]


@pytest.fixture
def house():
    team = make_team("east")
    rule = make_rule("speed-to-lead", team=team)
    handoff = make_handoff(rule, subject="Northwind Traders", external_ref="crm-4711", trace_id="order-123456")
    return {
        "handoff": handoff,
        "owner": make_person("owner", team=team),
        "outsider": make_person("outsider", team=make_team("west")),
        "leader": make_person("leader", roles=[Role.OPS_LEAD]),
    }


def titles(person, text):
    return [hit.title for group in find(person, text) for hit in group.hits]


@pytest.mark.parametrize("text", ["northw", "Northwind Traders", "crm-4711"])
def test_a_handoff_is_found_by_its_name_and_its_reference(house, text):
    assert titles(house["owner"], text) == ["Northwind Traders"]


def test_a_handoff_is_found_by_its_id(house):
    assert titles(house["owner"], str(house["handoff"].pk)) == ["Northwind Traders"]


def test_a_trace_id_leads_to_its_line_and_its_records(house):
    assert titles(house["leader"], "order-123456") == ["order-123456", "Northwind Traders"]


def test_rules_automations_and_people_are_found_by_name(house):
    make_automation("lead-router", name="Lead router")
    assert "Speed-To-Lead" in titles(house["owner"], "speed")
    assert titles(house["owner"], "lead router") == ["Lead router"]
    assert titles(house["leader"], "outsid") == ["Outsider"]


def test_another_teams_records_are_not_found(house):
    for text in ("northwind", "crm-4711", str(house["handoff"].pk), "order-123456", "speed-to"):
        assert titles(house["outsider"], text) == []


@pytest.mark.parametrize("text", ODD)
def test_odd_text_finds_nothing_and_breaks_nothing(client, house, text):
    client.force_login(house["leader"], backend="opsportal.identity.backends.PersonBackend")
    assert titles(house["leader"], text) == []


def test_the_page_repeats_the_question_as_text(client, house):
    client.force_login(house["owner"], backend="opsportal.identity.backends.PersonBackend")
    page = client.get("/search/", {"q": '"><script>alert(1)</script>'})
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
    assert b"Nothing found" in page.content
    assert b"Northwind" in client.get("/search/", {"q": "north"}).content
