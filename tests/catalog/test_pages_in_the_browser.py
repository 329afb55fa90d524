"""The pages of the catalogue and the worker in Chromium: no console message, no CSP violation, no axe finding."""

from datetime import timedelta
from typing import Any

import pytest

from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.sweeps import operations
from opsportal.sweeps.models import BlindSpell, Sweep
from tests.browser import PHONE, SCHEMES, WIDE, Visitor
from tests.factories.catalog import import_workflow, make_automation, make_freeze, make_whole
from tests.factories.identity import make_person, make_team

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _plain_names(settings: Any) -> None:
    """The test server finds static files by their plain names only."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def leader() -> Person:
    sales = make_team("sales")
    owner, backup = make_person("priya", name="Priya Nair", team=sales), make_person("tomas", name="Tomás Ortega")
    values = {"team": sales, "owner": owner, "tier": "P0", "platform": "n8n"}
    links = [{"label": "Workflow", "url": "https://automations.example.org/lead-router"}]
    notes = "New leads reach nobody."
    make_automation("lead-router", backup_owner=backup, criticality_notes=notes, links=links, active=True, **values)
    make_automation("hostile", name=HOSTILE, criticality_notes=HOSTILE, owner=owner)
    make_automation("weekly-digest")
    return make_person("lea", name="Lea Lindqvist", roles=[Role.OPS_LEAD], team=sales)


def look_at(visitor: Visitor, path: str, name: str) -> None:
    assert visitor.open(path).status == 200
    visitor.check()
    for scheme in SCHEMES:
        for size in (WIDE, PHONE):
            visitor.screenshot(name, scheme=scheme, size=size)


def test_the_pages_of_the_catalogue(visitor: Visitor, leader: Person) -> None:
    visitor.sign_in(leader)
    look_at(visitor, "/automations/", "automations")
    look_at(visitor, "/automations/lead-router/", "automation")
    look_at(visitor, "/automations/weekly-digest/", "automation-without-owner")
    look_at(visitor, "/automations/hostile/", "automation-hostile")
    look_at(visitor, "/automations/lead-router/edit/", "automation-edit")
    make_freeze(now=clock.now())
    look_at(visitor, "/automations/lead-router/", "automation-frozen")


def test_the_page_of_the_worker_fresh_late_and_failing(visitor: Visitor, leader: Person) -> None:
    visitor.sign_in(leader)
    look_at(visitor, "/worker/", "worker-never-ran")
    operations.run_due(via="queue")
    look_at(visitor, "/worker/", "worker-fresh")
    now = clock.database_now()
    Sweep.objects.filter(name="handoffs").update(finished_at=now - timedelta(minutes=12))
    Sweep.objects.filter(name="seal").update(failed_at=now, error="RuntimeError: out of order")
    BlindSpell.objects.create(from_at=now - timedelta(days=3), until=now - timedelta(days=3) + timedelta(hours=2))
    look_at(visitor, "/worker/", "worker-late")


def test_the_other_pages_of_an_automation(visitor: Visitor, leader: Person) -> None:
    make_whole("lead-router")
    visitor.sign_in(leader)
    look_at(visitor, "/automations/lead-router/", "automation-whole")
    look_at(visitor, "/automations/lead-router/changes/", "automation-changes")
    look_at(visitor, "/automations/lead-router/upkeep/", "automation-upkeep")
    look_at(visitor, "/automations/lead-router/tier/?pipeline=yes", "automation-tier")
    look_at(visitor, "/automations/releases/", "automations-releases")
    look_at(visitor, "/automations/costs/", "automations-costs")


def test_the_forms_of_an_automation(visitor: Visitor, leader: Person) -> None:
    visitor.sign_in(leader)
    for path in ("edit/people/", "edit/limits/", "do/degraded/", "credentials/new/", "releases/new/", "switches/new/"):
        look_at(visitor, f"/automations/lead-router/{path}", f"automation-{path}")
    look_at(visitor, "/automations/n8n/", "automations-n8n")
    upload = import_workflow(leader)
    look_at(visitor, f"/automations/n8n/{upload.pk}/", "automations-n8n-preview")


def test_an_automation_goes_into_service_without_javascript(chromium: Any, live_server: Any, leader: Person) -> None:
    plain = Visitor(chromium, live_server.url, java_script_enabled=False)
    plain.sign_in(leader)
    plain.open("/automations/hostile/")
    plain.page.click("text=Put into service")
    plain.page.select_option("select[name=change]", "fix")
    plain.page.click("button:has-text('Put into service')")
    plain.page.wait_for_load_state()
    assert "It is in service." in plain.page.inner_text("main")
