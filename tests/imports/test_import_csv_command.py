"""`manage.py import_csv`: exit codes, what it says, dry runs, undo, and two of them at once."""

import io
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from handoffs.models import Handoff
from handoffs.operations import respond_to_handoff
from opsportal import clock
from opsportal.identity.actors import actor_for
from opsportal.imports.housekeeping import sweep
from opsportal.imports.models import ImportBatch, ImportedRow
from tests.factories import handoffs as make
from tests.factories import identity as people

pytestmark = pytest.mark.django_db

GOOD = "subject,external_ref,started_at\nAcme,A-1,2026-10-01 09:00\nBolt,A-2,2026-10-01 10:00\n"
BAD = GOOD + "Carl,A-3,soon\n"


@pytest.fixture
def rule():
    return make.make_rule("speed")


@pytest.fixture
def run(tmp_path):
    """`run(text, *arguments)` answers the exit code, standard output and standard error."""

    def run(text, *arguments, name="leads.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return command(str(path), *arguments)

    return run


def command(*arguments):
    said, complained = io.StringIO(), io.StringIO()
    code: Any = 0
    try:
        call_command("import_csv", "handoffs", *arguments, stdout=said, stderr=complained)
    except SystemExit as done:
        code = done.code
    except CommandError as error:
        code = error.returncode
        complained.write(str(error))
    return code, said.getvalue(), complained.getvalue()


def test_all_taken_is_0_and_the_same_again_changes_nothing(rule, run):
    code, said, _ = run(GOOD, "--rule", "speed")
    assert (code, Handoff.objects.filter(historical=True).count()) == (0, 2)
    assert "leads.csv: 2 new, 0 there before, 0 refused" in said
    code, said, _ = run(GOOD, "--rule", "speed")
    assert code == 0
    assert "0 new, 2 there before" in said


def test_some_refused_is_1_and_they_are_told_and_written(rule, run, tmp_path):
    target = tmp_path / "left-out.csv"
    code, said, complained = run(BAD, "--rule", "speed", "--refused", str(target))
    assert (code, Handoff.objects.count()) == (1, 2)
    assert "1 refused" in said
    assert "line 4: started_at: This is no time." in complained
    written = target.read_text(encoding="utf-8-sig").splitlines()
    assert written[0] == "subject,external_ref,started_at,line,reason"
    assert written[1].startswith("Carl,A-3,soon,4,")
    mended = target.read_text().replace("soon", "2026-10-01 11:00")
    assert run(mended, "--rule", "speed")[0] == 0
    assert Handoff.objects.count() == 3


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (GOOD, [], "no rule"),
        (GOOD, ["--rule", "unknown"], "no rule “unknown”"),
        (GOOD, ["--rule", "speed", "--map", "Nothing=subject"], "no column “Nothing”"),
        (GOOD, ["--rule", "speed", "--map", "subject=what"], "no field “what”"),
        (GOOD, ["--rule", "speed", "--map", "subject"], "COLUMN=FIELD"),
        (GOOD, ["--rule", "speed", "--timezone", "Mars/Base"], "no such time zone"),
        ("a\nM\u00fcller\n".encode("latin-1"), ["--rule", "speed"], "not in UTF-8"),
        ("Was,Wann\nx,y\n", ["--rule", "speed"], "No column is read as “Subject”"),
    ],
)
def test_unusable_is_2_and_leaves_nothing(rule, run, text, arguments, sentence):
    code, _, complained = run(text, *arguments)
    assert code == 2
    assert sentence in complained
    assert (Handoff.objects.count(), ImportBatch.objects.count()) == (0, 0)


def test_a_missing_file_is_unusable(rule):
    assert command("/nowhere/leads.csv", "--rule", "speed")[0] == 2
    assert command("--rule", "speed")[0] == 2


def test_a_dry_run_says_the_same_and_writes_nothing(rule, run):
    code, said, complained = run(BAD, "--rule", "speed", "--dry-run")
    assert code == 1
    assert "2 would be new, 0 there before, 1 refused" in said
    assert "line 4" in complained
    assert (Handoff.objects.count(), ImportBatch.objects.count()) == (0, 0)


def test_columns_times_and_mode_can_be_said(rule, run):
    text = "Was;Wann;Rest;Land;Title\nAcme;03/04/2026 10:00;x;PT;y\n"
    said = ["--map", "Was=subject", "--map", "Wann=started_at", "--map", "Rest=attribute"]
    said += ["--map", "Land=attributes.country", "--map", "Title="]
    code, _, _ = run(text, "--rule", "speed", *said, "--timezone", "Europe/Berlin", "--dates", "day-first", "--live")
    handoff, attributes = Handoff.objects.get(), {"Rest": "x", "country": "PT"}
    assert code == 0
    assert handoff.started_at.isoformat() == "2026-04-03T08:00:00+00:00"
    assert (handoff.attributes, handoff.historical, handoff.late_on_arrival) == (attributes, False, True)


def test_undo_takes_out_the_untouched_and_says_what_stays(rule, run):
    run(GOOD, "--rule", "speed")
    batch = ImportBatch.objects.get()
    touched = Handoff.objects.get(subject="Acme")
    respond_to_handoff(touched, actor=actor_for(people.make_person("ana")), now=clock.now(), reason="Called")
    code, said, complained = command("--undo", str(batch.pk))
    assert (code, list(Handoff.objects.all())) == (1, [touched])
    assert "1 handoff taken out, 1 kept." in said
    assert "Ana answered: Called." in complained
    assert command("--undo", str(batch.pk))[0] == 2
    assert command("--undo", "999")[0] == 2


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_open_everything_once(rule, tmp_path):
    rows = "".join(f"Lead {n},A-{n},2026-10-01 09:{n % 60:02}\n" for n in range(200))
    rows += "".join(f"Form {n},,2026-10-01 10:{n % 60:02}\n" for n in range(50))
    (tmp_path / "a.csv").write_text(GOOD.splitlines()[0] + "\n" + rows)
    barrier, codes = Barrier(2), []

    def bring_in():
        barrier.wait()
        try:
            codes.append(command(str(tmp_path / "a.csv"), "--rule", "speed")[0])
        finally:
            connection.close()

    threads = [Thread(target=bring_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    assert Handoff.objects.count() == 250
    assert sorted(batch.counts["created"] for batch in ImportBatch.objects.all()) == [0, 250]


def test_files_given_up_and_refused_cells_do_not_stay_for_ever(rule, run):
    run(BAD, "--rule", "speed")
    batch, now = ImportBatch.objects.get(), clock.now()
    ImportBatch.objects.create(
        kind="handoffs", file_name="x.csv", sha256=b"", size=1, content=b"x", by_label="Ana",
        uploaded_at=now - timedelta(hours=25),
    )  # fmt: skip
    sweep(now)
    assert list(ImportBatch.objects.all()) == [batch]
    assert ImportedRow.objects.get(state="refused").cells == ["Carl", "A-3", "soon"]
    sweep(now + timedelta(days=31))
    assert ImportedRow.objects.get(state="refused").cells == []
