"""An import or an undo killed at any point leaves nothing half behind, and the next one does it all."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from handoffs.models import DirtyDay, Handoff
from opsportal.audit.models import Detail, Entry
from opsportal.imports.models import ImportBatch, ImportedRow
from tests.factories.handoffs import make_rule
from tests.handoffs.dying_import import IMPORTING, UNDOING
from tests.handoffs.test_sweep_dies import ROOT, _environment
from tests.imports.test_import_csv_command import command

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (Handoff, ImportBatch, ImportedRow, Entry, Detail, DirtyDay)


@pytest.fixture
def file(tmp_path: Path) -> str:
    make_rule("speed")
    path = tmp_path / "leads.csv"
    rows = "".join(f"Lead {n},A-{n},2026-10-01 09:{n:02},2026-10-01 10:00\n" for n in range(30))
    path.write_text(f"subject,external_ref,started_at,first_response_at\n{rows}")
    return str(path)


def counts() -> list[int]:
    return [model.objects.count() for model in TABLES]


def run_and_die(point: str, *arguments: str) -> None:
    line = [sys.executable, "-m", "tests.handoffs.dying_import", point, *arguments]
    done = subprocess.run(line, cwd=ROOT, env=_environment(), capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("point", IMPORTING)
def test_a_killed_import_leaves_nothing_behind(file: str, point: str) -> None:
    before = counts()
    run_and_die(point, file, "--rule", "speed")
    assert counts() == before
    assert command(file, "--rule", "speed")[0] == 0
    assert Handoff.objects.count() == 30


@pytest.mark.parametrize("point", UNDOING)
def test_a_killed_undo_takes_nothing_out(file: str, point: str) -> None:
    command(file, "--rule", "speed")
    batch, before = ImportBatch.objects.get(), counts()
    run_and_die(point, "--undo", str(batch.pk))
    assert counts() == before
    assert set(batch.rows.values_list("state", flat=True)) == {"created"}
    assert command("--undo", str(batch.pk))[0] == 0
    assert Handoff.objects.count() == 0
