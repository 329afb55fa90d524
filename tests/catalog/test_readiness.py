"""What an automation lacks before people can rely on it: P0 and P1 must have everything, P2 little."""

from datetime import timedelta

import pytest
from django.test import Client

from opsportal.catalog import operations, pages, readiness, registry
from opsportal.catalog.models import Automation, Switch
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, bearer, make_person, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_above(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_panels", "_questions"):
        monkeypatch.setattr(registry, name, {})
    monkeypatch.setattr(registry, "_beside", [])


def missing(automation: Automation) -> list[str]:
    automation.refresh_from_db()
    return [item.key for item in readiness.readiness_of(automation, NOW).missing]


def whole(**fields: object) -> Automation:
    kim = make_person()
    links = [{"label": "Panels", "url": "https://g.example.org/", "kind": "grafana"}]
    links.append({"label": "Book", "url": "https://w.example.org/", "kind": "runbook"})
    texts = dict.fromkeys(("what_it_does", "how_to_pause", "criticality_notes"), "Written down.")
    people = {"owner": kim, "backup_owner": make_person(), "raci": {"accountable": kim}}
    return make_automation(**{"links": links, **texts, **people, **fields})


def test_an_empty_one_lacks_all_the_catalogue_asks_for():
    assert missing(make_automation(tier="P0")) == [
        "owner", "backup", "accountable", "dashboard", "runbook", "how_to_pause", "documentation", "impact",
        "tier_agreed",
    ]  # fmt: skip


def test_what_is_there_is_not_missing():
    assert missing(whole()) == ["tier_agreed"]


def test_a_p2_is_ready_with_an_owner_and_what_it_does():
    automation = make_automation(tier="P2", owner=make_person(), what_it_does="Removes bounced addresses.")
    found = readiness.readiness_of(automation, NOW)
    assert found.is_ready
    assert found.sentence == "It has everything its tier asks for."
    automation.tier = "P1"
    assert not readiness.readiness_of(automation, NOW).is_ready


@pytest.mark.parametrize(
    "fault", [{"kind": "personal"}, {"is_too_broad": True}, {"expires_at": NOW}, {"expires_at": NOW - timedelta(1)}]
)
def test_a_faulty_credential_is_missing_a_sound_one(fault: dict[str, object]):
    automation = whole()
    credential = operations.add_credential(automation, name="HubSpot", actor=SETUP, now=NOW, **fault)
    assert "credentials" in missing(automation)
    operations.retire_credential(credential, actor=SETUP, now=NOW)
    assert "credentials" not in missing(automation)


def test_rooms_above_ask_for_theirs():
    automation, other = whole(), whole()
    registry.register_readiness("slo", "It has no SLO.", lambda rows: {automation.pk})
    assert missing(automation) == ["tier_agreed"]
    assert missing(other) == ["slo", "tier_agreed"]


def test_what_the_catalogue_knows_counts_beside_what_a_room_above_knows():
    registry.register_readiness("runbook", "It has no runbook.", lambda rows: set())
    assert "runbook" not in missing(whole())
    assert "runbook" in missing(make_automation())


def test_many_cost_as_much_as_one(django_assert_num_queries):
    registry.register_readiness("slo", "It has no SLO.", lambda rows: set())
    rows = [make_automation() for _ in range(20)]
    with django_assert_num_queries(1):
        assert len(readiness.readiness_of_all(rows, NOW)) == 20


def test_what_is_a_row_above_is_asked_inside_the_list(django_assert_num_queries):
    has, lacks = make_automation("has"), make_automation("lacks")
    operations.add_switch(has, slug="x", label="X", actor=SETUP, now=NOW)
    asked: list[int] = []

    def have(rows):
        asked.append(len(rows))
        return set()

    registry.register_readiness("switch", "It has no switch.", have, rows=lambda: Switch.objects.all())
    with django_assert_num_queries(1):
        found = readiness.readiness_of_all(list(pages.with_standing(Automation.objects.all(), NOW)), NOW)
    ok = {pk: "switch" not in [item.key for item in each.missing] for pk, each in found.items()}
    assert (ok, asked) == ({has.pk: True, lacks.pk: False}, [])


def test_the_api_answers_it_in_keys_and_sentences(client: Client):
    whole(slug="router", tier="P0")
    answer = client.get("/api/v1/automations/router/readiness/", headers=bearer(make_token("catalog:read")[1])).json()
    assert {name: answer[name] for name in ("slug", "tier", "ready", "missing")} == {
        "slug": "router", "tier": "P0", "ready": False, "missing": ["tier_agreed"],
    }  # fmt: skip
    assert answer["have"] == answer["of"] - 1
    assert answer["sentence"] == f"1 of the {answer['of']} things its tier asks for are missing."
    said = {item["key"]: item["sentence"] for item in answer["items"] if item["sentence"]}
    assert said == {
        "tier_agreed": "RevOps and sales leadership have not agreed on its tier."
    }  # nothing of what is there


def test_the_list_shows_it(client: Client):
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    whole(slug="router", tier="P0")
    assert "9 of 10" in client.get("/automations/").content.decode()
