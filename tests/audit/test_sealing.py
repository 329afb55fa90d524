"""The sealer: nothing is left out, nothing twice, whoever writes or seals at the same time."""

import json
import logging
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from opsportal.audit import queries, sweep
from opsportal.audit.models import Entry, Seal
from opsportal.audit.sealer import seal_entries
from opsportal.audit.verification import verify
from opsportal.audit.verifier import ZERO
from opsportal.sweeps.operations import run_sweep
from tests.factories.audit import NOW, OpenTransaction, behind_the_guard, write

pytestmark = pytest.mark.django_db(transaction=True)

only_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


def sealed_ids() -> list[int]:
    spans = [span for seal in Seal.objects.order_by("number") for span in json.loads(seal.spans)]
    return [key for first, last in spans for key in range(first, last + 1)]


def test_seals_are_chained_from_the_first():
    write(3)
    one = seal_entries(NOW)
    write(2)
    two = seal_entries(NOW)
    assert (one.number, one.entry_count, bytes(one.previous).hex()) == (1, 3, ZERO)
    assert (two.number, two.entry_count, bytes(two.previous)) == (2, 2, bytes(one.hash))
    assert verify().is_intact


def test_a_seal_of_nothing_keeps_the_chain_going():
    write()
    first = seal_entries(NOW)
    empty = seal_entries(NOW)
    assert (empty.number, empty.entry_count, empty.spans, empty.max_id) == (2, 0, "[]", first.max_id)
    assert verify().is_intact


def test_the_first_seal_may_be_of_nothing():
    assert seal_entries(NOW).number == 1
    assert verify().is_intact


def test_large_backlogs_are_sealed_in_batches():
    entries = write(23)
    counts = [seal_entries(NOW, batch=10).entry_count for _ in range(4)]
    assert counts == [10, 10, 3, 0]
    assert sealed_ids() == [entry.pk for entry in entries]
    assert verify().is_intact


@only_postgres
def test_an_entry_that_commits_late_with_a_lower_id_is_not_skipped():
    early = OpenTransaction()
    late = write(2)
    assert early.entry.pk < late[0].pk
    assert seal_entries(NOW).entry_count == 0  # whatever could still be preceded waits
    early.commit()
    assert seal_entries(NOW).entry_count == 3
    assert sorted(sealed_ids()) == sorted([early.entry.pk, *(entry.pk for entry in late)])
    assert verify().is_intact


@only_postgres
def test_a_lower_id_may_honestly_be_sealed_after_a_higher_one():
    """The older transaction takes the higher id and commits first: the horizon lets it through, the other waits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        younger = OpenTransaction()
        [higher] = write(1)
    assert younger.entry.pk < higher.pk
    assert seal_entries(NOW).entry_count == 1
    younger.commit()
    assert seal_entries(NOW).entry_count == 1
    assert sealed_ids() == [higher.pk, younger.entry.pk]
    assert verify().is_intact


def test_ids_lost_to_a_rollback_are_no_deletion():
    write(1)
    with transaction.atomic():
        write(2)
        transaction.set_rollback(True)
    write(1)
    assert seal_entries(NOW).entry_count == 2
    assert verify().is_intact


def test_two_sealers_at_once_make_one_chain():
    write(50)
    made: list[Seal | None] = []

    def work() -> None:
        try:
            made.extend(seal_entries(NOW, batch=10) for _ in range(5))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while seal_entries(NOW, batch=10).entry_count:
        pass
    numbers = list(Seal.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(sealed_ids()) == len(set(sealed_ids())) == 50
    assert verify().is_intact


def test_writers_and_a_sealer_at_once_leave_nothing_out():
    done = threading.Event()

    def work() -> None:
        try:
            for _ in range(15):
                with transaction.atomic():
                    write(1)
                    write(2)
        finally:
            connections.close_all()

    def seal() -> None:
        try:
            while not done.is_set():
                seal_entries(NOW)
        finally:
            connections.close_all()

    writers = [threading.Thread(target=work) for _ in range(3)]
    sealer = threading.Thread(target=seal)
    for thread in (*writers, sealer):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    sealer.join()
    while seal_entries(NOW).entry_count:
        pass
    assert sorted(sealed_ids()) == sorted(Entry.objects.values_list("id", flat=True))
    assert verify().is_intact


@only_postgres
def test_rows_of_another_cluster_count_as_committed():
    """After a restore the transaction ids of the old cluster mean nothing here, and may be above the new ones."""
    write(2)
    seal_entries(NOW)
    write(3)
    with behind_the_guard() as cursor:
        cursor.execute("UPDATE audit_entry SET cluster = 42, xid = xid + 1000000")
        cursor.execute("UPDATE audit_seal SET cluster = 42, last_xid = last_xid + 1000000")
    newer = write(2)
    assert [seal_entries(NOW).entry_count for _ in range(3)] == [3, 2, 0]
    assert sealed_ids()[-2:] == [entry.pk for entry in newer]
    assert sorted(sealed_ids()) == sorted(Entry.objects.values_list("id", flat=True))


@only_postgres
def test_a_restored_trail_verifies_on_the_new_cluster():
    with behind_the_guard() as cursor:
        cursor.execute("SET opsportal.audit_cluster = '42'")
        write(3)
        cursor.execute("UPDATE audit_entry SET xid = xid + 1000000")
    write(2)
    assert [seal_entries(NOW, batch=2).entry_count for _ in range(4)] == [2, 1, 2, 0]
    assert set(Entry.objects.values_list("cluster", flat=True)) > {42}
    assert verify().is_intact


def test_the_sweep_seals_and_says_how_much():
    write(4)
    run = run_sweep("seal")
    assert (run.error, run.examined, run.fired) == ("", 4, 1)
    assert queries.head().number == 1


def test_each_sweep_makes_a_seal():
    run_sweep("seal")
    run_sweep("seal")
    assert Seal.objects.count() == 2


def test_the_head_leaves_the_system_once_a_day(caplog):
    caplog.set_level(logging.INFO, logger="opsportal.audit")
    for hours in (0, 1, 14, 16):
        sweep.seal(NOW + timedelta(hours=hours))
    heads = [record.message for record in caplog.records if record.message.startswith("Audit head")]
    assert len(heads) == 2
    assert str(queries.Head(1, bytes(Seal.objects.get(number=1).hash).hex(), NOW, 0)) in heads[0]
