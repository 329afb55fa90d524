"""What rooms above add to the page of an automation and to its readiness."""

import pytest
from django.test import Client

from opsportal.catalog import registry
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_panels", {})
    monkeypatch.setattr(registry, "_questions", {})
    monkeypatch.setattr(registry, "_usages", [])
    monkeypatch.setattr(registry, "_beside", [])
    return


@pytest.fixture
def ops_lead() -> Client:
    client = Client()
    person = make_person(roles=[Role.OPS_LEAD])
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def test_a_panel_stands_on_the_page_where_it_has_something_to_show(empty_registry: None, ops_lead: Client):
    make_automation("router")
    make_automation("sync")

    def context(request, automation, now):
        return {"title": f"Runs of {automation}"} if automation.slug == "router" else None

    registry.register_panel("runs", "web/empty.html", context, 10)
    assert "Runs of Router" in ops_lead.get("/automations/router/").content.decode()
    assert "Runs of" not in ops_lead.get("/automations/sync/").content.decode()


def test_panels_stand_in_their_order(empty_registry: None, ops_lead: Client):
    make_automation("router")
    registry.register_panel("later", "web/empty.html", lambda *_: {"title": "The second panel"}, 20)
    registry.register_panel("sooner", "web/empty.html", lambda *_: {"title": "The first panel"}, 10)
    page = ops_lead.get("/automations/router/").content.decode()
    assert page.index("The first panel") < page.index("The second panel")
