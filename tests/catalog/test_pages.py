"""The pages of the catalogue, without a browser."""

import pytest
from django.test import Client

from opsportal import clock
from opsportal.catalog import registry
from opsportal.catalog.models import Automation
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation, make_freeze, make_whole
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def ops_lead(client: Client) -> Client:
    person = make_person("lead", roles=[Role.OPS_LEAD])
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def test_the_list_says_that_somebody_is_missing(ops_lead: Client):
    make_automation(owner=make_person())
    assert "Every one of them has somebody" in ops_lead.get("/automations/").content.decode()
    make_automation()
    assert "One of them has no owner." in ops_lead.get("/automations/").content.decode()


def test_the_list_costs_the_same_for_one_and_for_thirty(
    ops_lead: Client, django_assert_max_num_queries, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(registry, "_questions", {})  # what rooms above ask has its own price
    monkeypatch.setattr(registry, "_beside", [])
    team = make_team()
    for _ in range(30):
        make_automation(owner=make_person(), team=team)
    ops_lead.get("/automations/")
    with django_assert_max_num_queries(10):
        assert ops_lead.get("/automations/").status_code == 200


def test_the_page_costs_the_same_whatever_belongs_to_it(
    ops_lead: Client, django_assert_max_num_queries, monkeypatch: pytest.MonkeyPatch
):
    for name in ("_questions", "_panels"):
        monkeypatch.setattr(registry, name, {})
    monkeypatch.setattr(registry, "_beside", [])
    make_automation("router", owner=make_person(), active=True)
    make_person()
    make_whole("router")
    ops_lead.get("/automations/router/")
    with django_assert_max_num_queries(10):
        assert ops_lead.get("/automations/router/").status_code == 200


def test_the_list_is_a_csv_with_the_same_filter(ops_lead: Client):
    make_automation("a", name="Alpha", tier="P0")
    make_automation("b", name="=Beta", tier="P1")
    rows = ops_lead.get("/automations/", {"format": "csv", "tier": "P1"}).getvalue().decode()
    assert "Alpha" not in rows
    assert "'=Beta" in rows


def test_a_bad_filter_is_told_at_its_field(ops_lead: Client):
    assert ops_lead.get("/automations/", {"tier": "P7"}).status_code == 400


def test_the_page_tells_what_is_missing_and_what_happened(ops_lead: Client):
    make_automation("lead-router", name="Lead router")
    page = ops_lead.get("/automations/lead-router/").content.decode()
    assert "Nobody answers for it: it has no owner." in page
    assert "setup entered Lead router in the catalogue." in page
    assert "No freeze is in force here." in page


def test_the_page_shows_a_freeze(ops_lead: Client):
    make_automation("lead-router")
    freeze = make_freeze(now=clock.now())
    page = ops_lead.get("/automations/lead-router/").content.decode()
    assert "are frozen until" in page
    assert f'href="/policy/freezes/{freeze.pk}/"' in page


def test_hostile_text_is_text(ops_lead: Client):
    make_automation(
        "hostile", name=HOSTILE, criticality_notes=HOSTILE, links=[{"label": HOSTILE, "url": "https://x.example/"}]
    )
    for path in ("/automations/", "/automations/hostile/", "/automations/hostile/edit/"):
        assert HOSTILE not in ops_lead.get(path).content.decode()


def test_a_new_automation_is_entered_by_form(ops_lead: Client):
    kim = make_person("kim")
    values = {"slug": "deal-sync", "name": "Deal sync", "tier": "P1", "platform": "n8n", "owner": kim.pk}
    response = ops_lead.post("/automations/new/", {**values, "links": "Run book https://wiki.example.org/deal-sync"})
    assert response.headers["Location"] == "/automations/deal-sync/"
    automation = Automation.objects.get(slug="deal-sync")
    assert automation.owner == kim
    assert automation.links == [{"label": "Run book", "url": "https://wiki.example.org/deal-sync"}]


def test_what_the_operation_refuses_stands_at_its_field(ops_lead: Client):
    kim = make_person("kim")
    make_automation("deal-sync")
    values = {"slug": "deal-sync", "name": "Deal sync", "tier": "P1", "platform": "n8n"}
    response = ops_lead.post("/automations/new/", values)
    assert response.status_code == 422
    assert "There is an automation “deal-sync” already." in response.content.decode()
    response = ops_lead.post("/automations/new/", {**values, "slug": "x", "owner": kim.pk, "backup_owner": kim.pk})
    assert response.context["form"].errors.keys() == {"backup_owner"}


def test_an_edit_changes_it_and_a_frozen_one_does_not(ops_lead: Client):
    make_automation("deal-sync", name="Deal sync", tier="P2")
    values = {"name": "Deals", "tier": "P1", "platform": "other", "change": "feature"}
    assert ops_lead.post("/automations/deal-sync/edit/", values).status_code == 302
    assert Automation.objects.get(slug="deal-sync").tier == "P1"
    make_freeze(now=clock.now())
    response = ops_lead.post("/automations/deal-sync/edit/", {**values, "tier": "P0"})
    assert response.context["form"].errors.keys() == {"change"}
    assert Automation.objects.get(slug="deal-sync").tier == "P1"


def test_the_admin_writes_through_the_operation(client: Client):
    from opsportal.audit import queries as audit

    admin = make_person("root", roles=[Role.ADMIN])
    admin.is_staff = admin.is_superuser = True
    admin.save()
    client.force_login(admin, backend="opsportal.identity.backends.PersonBackend")
    values = {"slug": "deal-sync", "name": "Deal sync", "tier": "P1", "platform": "n8n", "links": "[]"}
    response = client.post("/admin/catalog/automation/add/", values)
    assert response.status_code == 302, response.context["adminform"].errors
    automation = Automation.objects.get(slug="deal-sync")
    assert [entry.action for entry in audit.entries_of("automation", "deal-sync")] == ["automation.created"]
    make_freeze(now=clock.now())
    response = client.post(f"/admin/catalog/automation/{automation.pk}/change/", {**values, "tier": "P0"})
    assert "are frozen until" in response.content.decode()
    automation.refresh_from_db()
    assert automation.tier == "P1"


def test_what_is_missing_leads_to_where_it_is_filled_in(ops_lead: Client):
    make_automation("lead-router")
    page = ops_lead.get("/automations/lead-router/").content.decode()
    for address in ("edit/words/", "tier/", "edit/people/", "edit/#id_links"):
        assert f'href="/automations/lead-router/{address}">Fill in' in page
    assert 'href="/slos/new/?automation=lead-router">Fill in' in page
