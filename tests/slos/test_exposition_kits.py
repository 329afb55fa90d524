"""The page of kits: files that n8n loads, and workflows that wait for somebody to name their automation."""

import json
from typing import Any

import pytest
from django.test import Client

from opsportal.catalog.engine.n8n import read_export
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.exposition import operations
from slos.exposition.kits import FOLDER, KITS, PLACEHOLDER
from slos.models import Run, UnmatchedReport
from tests.factories.catalog import make_automation
from tests.factories.exposition import make_n8n, recorded
from tests.factories.identity import NOW, make_person, make_team

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def reported(**fields: Any):
    sender = make_n8n(**fields)
    operations.record_failure(sender, recorded("execution-saved", id="wf-1", name="Nobody's"), NOW)
    return sender


@pytest.mark.parametrize("kit", KITS, ids=lambda kit: kit.slug)
def test_each_kit_is_loaded_with_the_portals_address_and_without_a_secret(kit, settings):
    settings.BASE_URL = "https://ops.test"
    client = signed_in(make_person())
    text = client.get(f"/kits/{kit.slug}.json").content.decode()
    assert PLACEHOLDER not in text
    assert "ops_" not in text
    workflow = json.loads(text)
    named = {node["name"] for node in workflow["nodes"]}
    wired = {link["node"] for outputs in workflow["connections"].values() for way in outputs["main"] for link in way}
    assert wired <= named
    assert set(workflow["connections"]) <= named
    assert len({node["id"] for node in workflow["nodes"]}) == len(workflow["nodes"])
    for node in workflow["nodes"]:
        for credential in node.get("credentials", {}).values():
            assert set(credential) == {"id", "name"}


def test_the_portal_itself_finds_no_fault_with_its_kits(settings):
    """But for what is meant so: a sign of life that fails stops no work, and who calls handles errors."""
    settings.BASE_URL = "https://ops.example.com"
    found = {}
    for kit in KITS:
        text = signed_in(make_person()).get(f"/kits/{kit.slug}.json").content
        (read,) = read_export(json.loads(text))
        found[kit.slug] = sorted({finding["code"] for finding in read.findings})
    assert found == {
        "n8n-report-failures": [],
        "n8n-report-a-run": ["no_error_workflow"],
        "n8n-example": ["swallowed_error"],
    }


def test_there_is_a_kit_for_every_file_and_no_other():
    assert {path.name for path in FOLDER.glob("*.json")} == {kit.file for kit in KITS}
    client = signed_in(make_person())
    assert client.get("/kits/other.json").status_code == 404


def test_whoever_may_write_the_catalogue_names_a_workflow_and_its_failures_become_runs():
    sender, automation = reported(), make_automation("lead-router")
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    page = client.get("/kits/").content.decode()
    assert "Nobody&#x27;s" in page
    address = f"/kits/n8n/name/?sender={sender.pk}&workflow=wf-1"
    assert client.get(address).status_code == 200
    done = client.post(address, {"automation": automation.pk}, follow=True)
    assert "1 kept failures are runs now" in done.content.decode()
    assert Run.objects.get().automation == automation
    assert client.get(address).status_code == 404


def test_reports_of_what_is_not_ours_are_dropped():
    sender = reported()
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    client.post(f"/kits/n8n/drop/?sender={sender.pk}&workflow=wf-1")
    assert UnmatchedReport.objects.count() == 0


@pytest.mark.parametrize("role", [Role.ANALYST, Role.VIEWER])
def test_others_see_the_kits_and_neither_reports_nor_buttons(role: Role):
    sender = reported()
    client = signed_in(make_person(roles=[role], team=make_team()))
    page = client.get("/kits/")
    assert page.status_code == 200
    assert "Nobody" not in page.content.decode()
    assert client.get(f"/kits/n8n/name/?sender={sender.pk}&workflow=wf-1").status_code == 403
    assert client.post(f"/kits/n8n/drop/?sender={sender.pk}&workflow=wf-1").status_code == 403
    assert Automation.objects.count() == 0


@pytest.mark.parametrize("query", ["", "sender=x&workflow=wf-1", "workflow=wf-1", "sender=%00", "sender=1"])
def test_addresses_that_mean_nothing_are_404(query: str):
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    assert client.get(f"/kits/n8n/name/?{query}").status_code == 404
