import hashlib
import json
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction

from opsportal import trace
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.models import Detail, Entry
from opsportal.audit.operations import record, record_many
from opsportal.audit.sentences import detail_of
from tests.factories.audit import KIM, NOW, draft, write

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_which_record_and_why():
    entry = record(draft(subject=Subject("probe", "p-1", "Acme"), team="emea", rule="speed", occurred_at=NOW))
    stored = Entry.objects.get(pk=entry.pk)
    assert (stored.actor_kind, stored.actor_id, stored.action) == ("human", "7", "probe.moved")
    assert (stored.subject_type, stored.subject_id, stored.team, stored.rule) == ("probe", "p-1", "emea", "speed")
    assert stored.at == NOW
    assert detail_of(stored) == {
        "actor": "Kim Berg",
        "subject": "Acme",
        "occurred_at": "2026-11-03T09:00:00Z",
        "reason": "On holiday",
        "before": {"owner": "kim"},
        "after": {"owner": "lee"},
        "extra": {},
    }


def test_the_row_itself_holds_no_personal_data():
    [entry] = write(subject=Subject("probe", "p-1", "Ada Lovelace"), reason="Ada asked for it")
    values = Entry.objects.filter(pk=entry.pk).values_list()[0]
    assert not [value for value in values if "Ada" in str(value) or "Kim" in str(value)]


def test_the_commitment_binds_the_salted_detail():
    [entry] = write()
    detail = Detail.objects.get(pk=entry.pk)
    assert bytes(entry.commitment) == hashlib.sha256(bytes(detail.salt) + detail.body.encode()).digest()
    assert len(bytes(detail.salt)) == 16


def test_the_same_detail_twice_has_two_commitments():
    one, two = record_many([draft(subject=Subject("probe", "p")), draft(subject=Subject("probe", "p"))])
    assert bytes(one.commitment) != bytes(two.commitment)


def test_source_and_trace_come_from_the_work_in_hand():
    with trace.scope(trace_id="abc", source="task"):
        entry = record(draft(source="", trace_id=""))
    assert (entry.source, entry.trace_id) == ("task", "abc")


def test_many_entries_keep_their_order_and_their_details():
    entries = record_many([draft(reason=f"reason {number}") for number in range(300)])
    ids = [entry.pk for entry in entries]
    assert ids == sorted(ids)
    stored = Entry.objects.select_related("detail").in_bulk(ids)
    assert [detail_of(stored[key])["reason"] for key in ids] == [f"reason {number}" for number in range(300)]


def test_no_drafts_make_no_entries():
    assert record_many([]) == []


def test_two_records_of_one_transaction_go_together_or_not_at_all():
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert not Entry.objects.exists()
    assert not Detail.objects.exists()


@pytest.mark.parametrize(
    "text",
    ["\x00", "a\ud800b", "\U0001f600", "'; DROP TABLE audit_entry; --", "x" * 500, "naïve – “quoted”\n\t\\u0000", ""],
    ids=["nul", "surrogate", "emoji", "sql", "long", "quotes", "empty"],
)
def test_whatever_is_recorded_can_be_recorded(text):
    actor = Actor("unknown", text, text)
    entry = record(Draft(actor, "probe.moved", Subject("probe", text, text), NOW, trace_id="t", reason=text))
    assert (
        detail_of(Entry.objects.get(pk=entry.pk))["reason"].encode("utf-8", "surrogatepass")[:3]
        == text.encode("utf-8", "surrogatepass")[:3]
    )


def test_values_of_many_kinds_become_plain_json():
    values = {
        "at": datetime(2026, 1, 1, 12, tzinfo=UTC),
        "amount": Decimal("12.50"),
        "n": 3,
        "flag": True,
        "none": None,
    }
    [entry] = write(after=values)
    body = json.loads(Detail.objects.get(pk=entry.pk).body)
    assert body["after"] == {"at": "2026-01-01T12:00:00Z", "amount": "12.50", "n": 3, "flag": True, "none": None}


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_each_get_their_own_details():
    def work(name: str) -> None:
        try:
            for _ in range(5):
                write(20, reason=name)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(f"writer {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = Entry.objects.select_related("detail")
    assert len(entries) == 300
    assert all(
        hashlib.sha256(bytes(each.detail.salt) + each.detail.body.encode()).digest() == bytes(each.commitment)
        for each in entries
    )


def test_it_takes_two_statements_at_most_for_thousands(django_assert_max_num_queries):
    drafts = [draft(actor=KIM) for _ in range(40)]
    limit = 3 if connection.vendor == "postgresql" else 6
    with django_assert_max_num_queries(limit):
        record_many(drafts)
