"""Whatever is changed behind the portal's back is found, and the first bad row is named."""

import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from opsportal.audit import queries
from opsportal.audit.engine import Subject
from opsportal.audit.models import Detail, Entry, Seal, Verification
from opsportal.audit.operations import erase_details, record_many
from opsportal.audit.sealer import seal_entries
from opsportal.audit.verification import verify, verify_stretch
from tests.factories.audit import KIM, NOW, behind_the_guard, draft, write

pytestmark = pytest.mark.django_db(transaction=True)


def tamper(statement: str, *values: object) -> None:
    with behind_the_guard() as cursor:
        cursor.execute(statement, values)


def first_problem() -> tuple[str, int]:
    report = verify()
    assert not report.is_intact
    return report.problems[0].kind, report.problems[0].place


@pytest.fixture
def trail() -> list[int]:
    """Thirty sealed entries in three seals, and two that wait."""
    ids = []
    for _ in range(3):
        ids += [entry.pk for entry in write(10)]
        seal_entries(NOW)
    return ids + [entry.pk for entry in write(2)]


def test_an_untouched_trail_is_intact(trail):
    report = verify()
    assert report.is_intact
    assert (report.entry_count, report.seal_count, report.unsealed_count) == (32, 3, 2)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'probe.forged'",
        "actor_id = '8'",
        "subject_id = 'p-other'",
        "at = '2026-11-03 09:00:01+00:00'",
        "trace_id = 'other'",
        "team = 'other'",
        "source = 'api'",
        "rule = 'other'",
        "xid = xid + 1",
    ],
)
def test_a_changed_field_is_found(trail, change):
    tamper(f"UPDATE audit_entry SET {change} WHERE id = %s", trail[14])
    assert first_problem() == ("changed", trail[14])


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL keeps the types of its columns")
@pytest.mark.parametrize("change", ["at = 'never'", "xid = 'x'", "cluster = 'x'", "commitment = 'x'", "commitment = 7"])
def test_a_value_of_another_type_is_found(trail, change):
    tamper(f"UPDATE audit_entry SET {change} WHERE id = %s", trail[14])
    assert ("changed", trail[14]) in [(each.kind, each.place) for each in verify().problems]


def test_a_changed_commitment_with_a_fitting_detail_is_found(trail):
    other = Detail.objects.select_related("entry").get(pk=trail[3])
    tamper("UPDATE audit_detail SET body = %s, salt = %s WHERE entry_id = %s", other.body, bytes(other.salt), trail[14])
    tamper("UPDATE audit_entry SET commitment = %s WHERE id = %s", bytes(other.entry.commitment), trail[14])
    assert first_problem() == ("changed", trail[14])


def test_a_changed_detail_is_found(trail):
    tamper("UPDATE audit_detail SET body = replace(body, 'holiday', 'strike') WHERE entry_id = %s", trail[21])
    assert first_problem() == ("detail", trail[21])


def test_a_changed_detail_that_is_not_sealed_yet_is_found(trail):
    tamper("UPDATE audit_detail SET body = replace(body, 'holiday', 'strike') WHERE entry_id = %s", trail[-1])
    assert first_problem() == ("detail", trail[-1])


def test_a_missing_detail_is_found(trail):
    tamper("DELETE FROM audit_detail WHERE entry_id = %s", trail[21])
    assert first_problem() == ("detail", trail[21])


def test_a_detail_blanked_without_record_is_found(trail):
    blank = "UPDATE audit_detail SET body = '', salt = '', erased_at = '2026-11-03 09:00:00+00:00' WHERE entry_id = %s"
    tamper(blank, trail[21])
    assert first_problem() == ("detail", trail[21])


def test_a_deleted_entry_is_found(trail):
    tamper("DELETE FROM audit_detail WHERE entry_id = %s", trail[14])
    tamper("DELETE FROM audit_entry WHERE id = %s", trail[14])
    assert first_problem() == ("deleted", trail[14])


def test_an_entry_put_in_behind_the_seals_is_found(trail):
    """In the place of one that was rolled back, or of one that was deleted."""
    gap = _leave_a_gap()
    _insert_copy(trail[3], gap)
    assert first_problem() == ("inserted", gap)


def test_an_entry_put_in_and_sealed_later_is_found(trail):
    gap = _leave_a_gap()
    _insert_copy(trail[3], gap, late=True)
    seal_entries(NOW)
    assert first_problem() == ("inserted", gap)


def test_two_entries_that_change_places_are_found(trail):
    one, two = trail[4], trail[5]
    tamper("UPDATE audit_entry SET id = -1 WHERE id = %s", one)
    tamper("UPDATE audit_entry SET id = %s WHERE id = %s", one, two)
    tamper("UPDATE audit_entry SET id = %s WHERE id = -1", two)
    assert first_problem() == ("detail", one)
    assert ("changed", one) in [(each.kind, each.place) for each in verify().problems]


@pytest.mark.parametrize(
    "change",
    ["root = previous", "hash = root", "previous = root", "entry_count = 9", "spans = '[[1,2]]'", "spans = 'x'"],
)
def test_a_changed_seal_is_found(trail, change):
    tamper(f"UPDATE audit_seal SET {change} WHERE number = 2")
    assert first_problem() == ("seal", 2)


def test_changed_leaves_are_found(trail):
    leaves = bytes(Seal.objects.get(number=2).leaves)
    tamper("UPDATE audit_seal SET leaves = %s WHERE number = 2", leaves[32:] + leaves[:32])
    assert first_problem() == ("seal", 2)


def test_a_seal_that_claims_a_billion_entries_is_found_and_read_in_no_time(trail):
    tamper("UPDATE audit_seal SET spans = '[[1,1000000000000]]' WHERE number = 2")
    assert first_problem() == ("seal", 2)


def test_a_deleted_seal_is_found(trail):
    tamper("DELETE FROM audit_seal WHERE number = 2")
    assert first_problem() == ("seal", 2)


def test_a_chain_written_anew_is_found_by_a_head_that_left_the_system(trail):
    known = queries.head()
    with behind_the_guard() as cursor:
        cursor.execute("DELETE FROM audit_seal")
        cursor.execute("UPDATE audit_entry SET action = 'probe.forged' WHERE id = %s", [trail[0]])
    while seal_entries(NOW).entry_count:
        pass
    assert verify().is_intact
    report = verify(head=(known.number, known.hash))
    assert [problem.kind for problem in report.problems] == ["head"]


def test_a_cut_off_chain_is_found_by_a_head_that_left_the_system(trail):
    known = queries.head()
    tamper("DELETE FROM audit_seal WHERE number = 3")
    assert verify().is_intact
    assert verify(head=(known.number, known.hash)).problems[0].place == 3


def test_the_known_head_fits_an_untouched_trail(trail):
    known = queries.head()
    seal_entries(NOW)
    assert verify(head=(known.number, known.hash)).is_intact


def _leave_a_gap() -> int:
    """An id below sealed ones that no entry has."""
    entries = write(3)
    with behind_the_guard() as cursor:
        cursor.execute("DELETE FROM audit_detail WHERE entry_id = %s", [entries[1].pk])
        cursor.execute("DELETE FROM audit_entry WHERE id = %s", [entries[1].pk])
    seal_entries(NOW)
    return entries[1].pk


def _insert_copy(source: int, target: int, *, late: bool = False) -> None:
    columns = ", ".join(f.column for f in Entry._meta.concrete_fields if f.column not in ("id", "xid"))
    on_postgres = connection.vendor == "postgresql"
    xid = "pg_current_xact_id()::text::bigint" if on_postgres and late else "xid"
    with behind_the_guard() as cursor:
        cursor.execute(
            f"INSERT INTO audit_entry (id, xid, {columns}) SELECT %s, {xid}, {columns} FROM audit_entry WHERE id = %s",
            [target, source],
        )
        cursor.execute(
            "INSERT INTO audit_detail (entry_id, salt, body)"
            " SELECT %s, salt, body FROM audit_detail WHERE entry_id = %s",
            [target, source],
        )


# --- The command ---


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", *arguments, stdout=out, stderr=out)
    return int(str(ended.value.code)), out.getvalue()


def test_the_command_answers_0_and_keeps_the_result(trail):
    code, text = run()
    assert code == 0
    assert "intact: 32 entries, 3 seals, 2 entries not sealed yet" in text
    assert Verification.objects.get(via="command").problem == ""
    assert queries.chain_status(NOW).word == "verified"


def test_the_command_answers_1_and_names_the_row(trail):
    tamper("UPDATE audit_entry SET action = 'probe.forged' WHERE id = %s", trail[14])
    code, text = run()
    assert code == 1
    assert f"Entry {trail[14]} was changed after seal 2 was made." in text
    status = queries.chain_status(NOW)
    assert (status.word, status.tone) == ("does not verify", "bad")


def test_the_command_takes_a_known_head(trail):
    assert run("--head", str(queries.head()))[0] == 0
    assert run("--head", f"3:{'ab' * 32}")[0] == 1


@pytest.mark.parametrize("head", ["3", "3:xyz", "x:" + "ab" * 32])
def test_the_command_answers_2_when_it_cannot_tell(trail, head):
    assert run("--head", head)[0] == 2


# --- The sweep's rounds ---


def test_the_sweep_verifies_everything_in_stretches(trail):
    current = verify_stretch(NOW, seconds=0)
    assert (current.finished_at, current.reached) == (None, 1)
    for _ in range(4):
        current = verify_stretch(NOW, seconds=0)
    assert (current.reached, current.entry_count, current.problem) == (3, 32, "")
    assert current.finished_at == NOW
    assert Verification.objects.count() == 1


def test_a_new_round_begins_a_day_later(trail):
    verify_stretch(NOW)
    verify_stretch(NOW + timedelta(hours=23))
    assert Verification.objects.count() == 1
    verify_stretch(NOW + timedelta(hours=25))
    assert Verification.objects.count() == 2


def test_the_sweep_tells_a_problem_at_once(trail, caplog):
    tamper("UPDATE audit_entry SET action = 'probe.forged' WHERE id = %s", trail[14])
    verify_stretch(NOW, seconds=0)
    current = verify_stretch(NOW, seconds=0)
    assert "was changed" in current.problem
    assert "does not verify" in caplog.text


def test_a_round_over_an_erasure_finds_nothing_wrong(trail):
    entries = Entry.objects.filter(pk=trail[0])
    erase_details(subject=Subject("probe", "p"), entries=entries, actor=KIM, reason="Asked", now=NOW)
    assert [verify_stretch(NOW, seconds=0).problem for _ in range(5)] == [""] * 5


# --- Size ---


@pytest.mark.slow
def test_a_hundred_thousand_entries_verify_within_ten_seconds(capsys):
    for _ in range(20):
        record_many([draft() for _ in range(5_000)])
        seal_entries(NOW)
    middle = Entry.objects.order_by("id")[50_000].pk
    seconds = {}
    for name, statement in {
        "untouched": "",
        "changed": "UPDATE audit_entry SET rule = 'forged' WHERE id = %s",
        "deleted": "DELETE FROM audit_entry WHERE id = %s",
    }.items():
        if statement:
            tamper(statement, middle)
        started = time.perf_counter()
        report = verify()
        seconds[name] = time.perf_counter() - started
        expected = [(name, middle)] if statement else []
        assert [(each.kind, each.place) for each in report.problems][:1] == expected
    with capsys.disabled():
        print(f"\n100,000 entries ({connection.vendor}):", {name: f"{took:.1f} s" for name, took in seconds.items()})
    assert max(seconds.values()) < 60
