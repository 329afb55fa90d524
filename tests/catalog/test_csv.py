"""Automations from CSV files and into them."""

import csv
import io
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from opsportal.catalog import operations
from opsportal.catalog.models import Automation
from opsportal.identity.roles import Role
from opsportal.imports.models import ImportBatch
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team

pytestmark = pytest.mark.django_db

HEAD = "Workflow,Slug,Priority,Tool,Owner email,Team,Trigger kind,Journeys,Cost,Grafana url\n"
ROW = "Lead router,lead-router,p0,Zapier,kim@example.org,RevOps,schedule,lead-to-deal; renewals,120.50,https://g.example.org/d\n"


@pytest.fixture(autouse=True)
def _people() -> None:
    make_person("kim")
    make_team("revops", name="RevOps")


def bring_in(tmp_path: Path, text: str, *options: str) -> int:
    file = tmp_path / "inventory.csv"
    file.write_text(text, encoding="utf-8")
    try:
        call_command("import_csv", "automations", str(file), *options)
    except SystemExit as exit_:
        return int(str(exit_.code))
    return 0


def test_a_row_becomes_a_draft(tmp_path: Path):
    assert bring_in(tmp_path, HEAD + ROW) == 0
    automation = Automation.objects.get(slug="lead-router")
    assert (automation.name, automation.tier, automation.platform, automation.state) == (
        "Lead router", "P0", "zapier", "draft",
    )  # fmt: skip
    assert (automation.owner.username, automation.team.slug, automation.trigger) == ("kim", "revops", "schedule")
    assert automation.journeys == ["lead-to-deal", "renewals"]
    assert automation.links == [{"label": "Panels", "url": "https://g.example.org/d", "kind": "grafana"}]
    assert str(automation.cost_per_month) == "120.50"


def test_the_same_again_changes_nothing(tmp_path: Path):
    bring_in(tmp_path, HEAD + ROW)
    assert bring_in(tmp_path, HEAD + ROW) == 0
    assert Automation.objects.count() == 1


def test_two_rows_of_one_slug_are_one_automation(tmp_path: Path):
    assert bring_in(tmp_path, "Name,Slug\nOne,same\nTwo,same\n") == 0
    assert [each.name for each in Automation.objects.all()] == ["One"]


def test_a_row_without_a_slug_gets_one_from_its_name(tmp_path: Path):
    bring_in(tmp_path, "Name\nDeal Sync (EU)\n")
    assert Automation.objects.get().slug == "deal-sync-eu"


def test_everything_wrong_with_a_row_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = "Name,Tier,Owner,Team,Cost,Slug\nRouter,P7,nobody,nowhere,much,Router!\n"
    assert bring_in(tmp_path, text) == 1
    said = capsys.readouterr().err
    for part in ("P0, P1, P2", "Nobody here is called", "There is no team", "no amount", "lower-case"):
        assert part in said
    assert not Automation.objects.exists()


def test_a_slug_is_as_long_as_a_slug_may_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert bring_in(tmp_path, f"Name,Slug\nOne,{'a' * 61}\nTwo,{'b' * 60}\n") == 1
    assert "At most 60 characters" in capsys.readouterr().err
    assert [each.name for each in Automation.objects.all()] == ["Two"]


def test_nothing_comes_in_live_where_there_is_no_such_way(tmp_path: Path):
    with pytest.raises(CommandError, match="Automations come in as drafts, never live."):
        bring_in(tmp_path, HEAD + ROW, "--live")
    assert not Automation.objects.exists()


def test_a_dry_run_writes_nothing(tmp_path: Path):
    assert bring_in(tmp_path, HEAD + ROW, "--dry-run") == 0
    assert not Automation.objects.exists()


def test_an_undo_takes_out_what_nobody_has_touched(tmp_path: Path):
    bring_in(tmp_path, "Name\nOne\nTwo\n")
    two = Automation.objects.get(slug="two")
    operations.change_automation(two, values={"name": "Second"}, actor=SETUP, now=NOW)
    with pytest.raises(SystemExit):
        call_command("import_csv", "automations", "--undo", str(ImportBatch.objects.get().pk))
    assert [each.slug for each in Automation.objects.all()] == ["two"]


def test_what_goes_out_comes_in_again(tmp_path: Path):
    client = Client()
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    bring_in(tmp_path, HEAD + ROW)
    before = Automation.objects.values("name", "tier", "platform", "owner", "journeys", "links", "cost_per_month").get()
    text = client.get("/automations/", {"format": "csv"}).getvalue().decode()
    assert next(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))["slug"] == "lead-router"
    Automation.objects.all().delete()
    assert bring_in(tmp_path, text) == 0
    assert Automation.objects.values(*before).get() == before


def test_it_comes_in_through_the_pages_after_a_look():
    client = Client()
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    file = SimpleUploadedFile("inventory.csv", (HEAD + ROW).encode(), content_type="text/csv")
    preview = client.post("/automations/import/", {"file": file}, follow=True)
    assert "Lead router" in preview.content.decode()
    assert not Automation.objects.exists()
    batch = ImportBatch.objects.get()
    client.post(f"/automations/import/{batch.pk}/confirm/", {"expected": "1"})
    assert Automation.objects.get().slug == "lead-router"


def test_an_analyst_imports_nothing():
    client = Client()
    client.force_login(make_person(roles=[Role.ANALYST]), backend="opsportal.identity.backends.PersonBackend")
    assert client.get("/automations/import/").status_code == 403
    make_automation("lead-router")
    assert client.get("/automations/n8n/").status_code == 403
