"""The export and its verifier stand alone: a bare Python, no portal, no database, no key."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from opsportal.audit import queries, verifier
from opsportal.audit.engine import Subject
from opsportal.audit.export import export_lines, seals_between
from opsportal.audit.models import Entry
from opsportal.audit.operations import erase_details
from opsportal.audit.sealer import seal_entries
from tests.factories.audit import KIM, NOW, write

pytestmark = pytest.mark.django_db(transaction=True)

VERIFIER = Path(verifier.__file__)


def check(path: Path, *arguments: str) -> tuple[int, str]:
    """Run a copy of the one file, isolated from everything installed and from this checkout."""
    alone = path.parent / "verifier.py"
    alone.write_bytes(VERIFIER.read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", str(alone), str(path), *arguments], cwd=path.parent, capture_output=True, text=True
    )
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def export(tmp_path) -> Path:
    """Three seals of five entries (one of them about somebody who was erased) and two entries that wait."""
    for _ in range(3):
        write(5)
        seal_entries(NOW)
    erase_details(
        subject=Subject("person", "9"),
        entries=Entry.objects.filter(pk=Entry.objects.order_by("id")[2].pk),
        actor=KIM,
        reason="Asked",
        now=NOW,
    )
    write(1)
    path = tmp_path / "trail.ndjson"
    call_command("export_audit", output=path)
    return path


def rewrite(path: Path, change) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_an_export_is_intact(export):
    code, text = check(export)
    assert code == 0, text
    assert "18 entries, 3 seals, 3 entries not sealed yet" in text  # the export records itself first


def test_a_known_head_is_compared(export):
    assert check(export, "--head", str(queries.head()))[0] == 0
    assert check(export, "--head", f"3:{'00' * 32}")[0] == 1
    assert check(export, "--head", f"7:{'00' * 32}")[0] == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda lines: lines[2]["entry"].update(action="probe.forged"), "Entry {2} was changed after seal 1"),
        (lambda lines: lines[2]["entry"].pop("rule"), "Entry {2} was changed"),
        (lambda lines: lines[2]["detail"].update(body="{}"), "Entry {2}: its detail was changed."),
        (lambda lines: lines[3]["detail"].update(erased_at=None), "Entry {3}: its detail was changed."),
        (
            lambda lines: lines[2]["detail"].update(body="", salt="", erased_at="now"),
            "Entry {2}: its detail was blanked",
        ),
        (lambda lines: lines.pop(2), "Entry {2} was deleted: seal 1 holds it"),
        (lambda lines: lines.insert(3, lines[2]), "Entry {2} is there twice."),
        (lambda lines: lines.pop(6), "Seal 1 is missing."),
        (lambda lines: lines[6]["seal"].update(root="00" * 32), "Seal 1 was changed."),
        (lambda lines: lines[6]["seal"].update(leaves=""), "Seal 1: the hashes of its entries were changed."),
        (lambda lines: lines[6]["seal"].update(spans=[[1, 10**15]]), "Seal 1 was changed."),
    ],
)
def test_each_change_is_named(export, change, sentence):
    ids = {at: line["entry"]["id"] for at, line in enumerate(map(json.loads, export.open())) if "entry" in line}
    rewrite(export, change)
    code, text = check(export)
    assert code == 1
    assert sentence.replace("{2}", str(ids[2])).replace("{3}", str(ids[3])) in text


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.pop(),
        lambda lines: lines.pop(0),
        lambda lines: lines[0].update(opsportal_audit=2),
        lambda lines: lines.append({"entry": {}}),
        lambda lines: lines.insert(1, {"what": 1}),
        lambda lines: lines.insert(1, []),
        lambda lines: lines[2].update(entry="x"),
        lambda lines: lines[6]["seal"].pop("number"),
        lambda lines: lines[6]["seal"].update(leaves="xyz"),
    ],
)
def test_what_is_no_export_cannot_be_told(export, change):
    rewrite(export, change)
    code, text = check(export)
    assert code == 2, text
    assert text.startswith("Cannot tell:")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not json\n", b'{"opsportal_audit": 1}\n'])
def test_nonsense_cannot_be_told(tmp_path, content):
    path = tmp_path / "trail.ndjson"
    path.write_bytes(content)
    assert check(path)[0] == 2


def test_a_missing_file_and_a_wrong_call_cannot_be_told(tmp_path):
    assert check(tmp_path / "absent")[0] == 2
    assert check(tmp_path / "absent", "--head")[0] == 2


def test_an_export_without_details_verifies_and_tells_nothing_personal(export):
    call_command("export_audit", output=export, without_details=True)
    assert "Kim" not in export.read_text()
    assert check(export)[0] == 0


def test_a_part_of_the_chain_verifies_on_its_own(export):
    call_command("export_audit", output=export, first=2, last=3)
    code, text = check(export)
    assert code == 0
    assert "10 entries, 2 seals, 0 entries" in text
    assert check(export, "--head", f"1:{'00' * 32}")[0] == 1  # where it is anchored is told, too


def test_the_same_part_twice_is_the_same_bytes(export):
    one, two = (b"".join(export_lines(NOW, first=1, last=3)) for _ in range(2))
    assert one == two


def test_a_period_is_found_by_the_time_of_sealing(export):
    from datetime import timedelta

    assert seals_between(NOW, NOW + timedelta(days=1)) == (1, 3)
    assert seals_between(NOW + timedelta(days=1), NOW + timedelta(days=2)) is None


def test_exporting_is_recorded(export):
    entry = Entry.objects.filter(action="audit.exported").get()
    assert entry.source == "command"


def test_an_export_that_cannot_be_written_ends_with_2(tmp_path):
    from django.core.management import CommandError

    with pytest.raises(CommandError) as ended:
        call_command("export_audit", output=tmp_path / "absent" / "trail.ndjson", stdout=StringIO())
    assert ended.value.returncode == 2


def test_it_imports_the_standard_library_only():
    source = VERIFIER.read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names
