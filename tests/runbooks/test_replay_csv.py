"""Failed payloads from a CSV file: looked at first, held, recognised again, taken out again while nobody used them."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from opsportal.audit.models import Entry
from opsportal.identity.roles import Role
from opsportal.imports.models import ImportBatch, ImportedRow
from runbooks.models import Payload, ReplayItem
from runbooks.queue import csv_import, vaulting
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.replay import let_go, make_target

pytestmark = pytest.mark.django_db
HEAD = "Execution id,Record id,Target,Body,Error,Failed at\n"
ROW = 'e-1,ann,crm,"{""stage"": ""won""}",Timeout,2026-11-20T09:00:00Z\n'


def bring_in(tmp_path: Path, text: str, *options: str) -> int:
    file = tmp_path / "failed.csv"
    file.write_text(text, encoding="utf-8")
    try:
        call_command("import_csv", "replay-items", str(file), *options)
    except SystemExit as exit_:
        return int(str(exit_.code))
    return 0


def test_a_row_becomes_a_held_payload_byte_for_byte(tmp_path: Path) -> None:
    target = make_target(slug="crm")
    assert bring_in(tmp_path, HEAD + ROW) == 0
    item = ReplayItem.objects.get()
    assert (item.state, item.target, item.external_id, item.record_key) == ("held", target, "e-1", "ann")
    assert (item.error_class, item.source, item.failed_at.isoformat()) == (
        "Timeout", "csv", "2026-11-20T09:00:00+00:00",
    )  # fmt: skip
    assert vaulting.open_payload(item) == b'{"stage": "won"}'


def test_the_same_file_again_adds_nothing_and_rows_without_an_id_are_told_apart_by_their_body(tmp_path: Path) -> None:
    make_target(slug="crm")
    text = HEAD + ROW + ",ann,crm,{},,\n,ann,crm,{},,\n,bob,crm,{},,\n"
    for _ in range(2):
        assert bring_in(tmp_path, text) == 0
        assert ReplayItem.objects.count() == 3
    assert list(
        ReplayItem.objects.filter(record_key="ann").values_list("sequence", flat=True).order_by("sequence")
    ) == [1, 2]


def test_a_known_id_with_another_body_is_a_conflict_told_at_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_target(slug="crm")
    bring_in(tmp_path, HEAD + ROW)
    capsys.readouterr()
    again = ROW + 'e-1,ann,crm,"{""stage"": ""lost""}",,\n' + "e-2,bob,crm,{},,\ne-2,bob,crm,[],,\n"
    assert bring_in(tmp_path, HEAD + again) == 1
    said = capsys.readouterr()
    assert "This id is stored already, with another body." in said.out + said.err
    assert "Line 4 has the same id, and says something else." in said.out + said.err
    assert sorted(ReplayItem.objects.values_list("external_id", flat=True)) == ["e-1", "e-2"]
    first = ReplayItem.objects.get(external_id="e-1")
    assert vaulting.open_payload(first) == b'{"stage": "won"}'


def test_the_automation_alone_names_its_one_target(tmp_path: Path) -> None:
    target = make_target(slug="crm", automation=make_automation("router"))
    assert bring_in(tmp_path, "Workflow,Payload\nrouter,{}\n") == 0
    assert ReplayItem.objects.get().target == target


def test_what_is_wrong_with_a_row_is_told_and_the_rest_comes_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_target(slug="crm")
    rows = "e-2,ann,nowhere,{},,\ne-3,ann,crm,no json,,\ne-4,ann,crm,,,\ne-5,ann,crm,{},,some day\n"
    assert bring_in(tmp_path, HEAD + ROW + rows) == 1
    said = capsys.readouterr()
    for sentence in ("There is no such replay target.", "This is no JSON", "nothing to send", "This is no time."):
        assert sentence in said.out + said.err
    assert ReplayItem.objects.count() == 1


def test_undoing_takes_out_what_is_still_held_and_names_the_rest(client: Client) -> None:
    make_target(slug="crm")
    lead = make_person("lead", roles=[Role.OPS_LEAD])
    client.force_login(lead, backend="opsportal.identity.backends.PersonBackend")
    upload = SimpleUploadedFile("failed.csv", (HEAD + ROW + "e-2,bob,crm,{},,\n").encode(), "text/csv")
    assert client.post("/replay/import/", {"file": upload}).status_code == 302
    batch = ImportBatch.objects.get()
    page = client.get(f"/replay/import/{batch.pk}/")
    assert "Import 2 payloads" in page.content.decode()
    assert not ReplayItem.objects.exists()
    client.post(f"/replay/import/{batch.pk}/confirm/", {"expected": "2"})
    assert {item.state for item in ReplayItem.objects.all()} == {"held"}
    used = ReplayItem.objects.select_related("target").get(external_id="e-2")
    let_go([used])
    client.post(f"/replay/import/{batch.pk}/undo/")
    assert list(ReplayItem.objects.values_list("external_id", flat=True)) == ["e-2"]
    assert Payload.objects.count() == 1
    assert Entry.objects.filter(action="replay.removed").count() == 1
    kept = ImportedRow.objects.get(state="kept")
    assert (kept.key, kept.problems[0]["message"]) == (str(used.pk), csv_import.TOUCHED)


def test_who_may_not_ask_for_a_replay_may_not_bring_payloads_in(client: Client) -> None:
    client.force_login(make_person("vi", roles=[Role.VIEWER]), backend="opsportal.identity.backends.PersonBackend")
    assert client.get("/replay/import/").status_code == 403


def test_a_target_one_does_not_see_is_unknown(client: Client) -> None:
    make_target(slug="crm", automation=make_automation("router", team=make_team("other")))
    ana = make_person("ana", roles=[Role.ANALYST], team=make_team("own"))
    client.force_login(ana, backend="opsportal.identity.backends.PersonBackend")
    client.post("/replay/import/", {"file": SimpleUploadedFile("failed.csv", (HEAD + ROW).encode(), "text/csv")})
    page = client.get(f"/replay/import/{ImportBatch.objects.get().pk}/").content.decode()
    assert "There is no such replay target." in page
