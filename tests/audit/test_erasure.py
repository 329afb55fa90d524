import pytest

from opsportal.audit import queries, sentences
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.models import Detail, Entry
from opsportal.audit.operations import erase_details
from opsportal.audit.sealer import seal_entries
from opsportal.audit.verification import verify
from tests.factories.audit import KIM, NOW, write

pytestmark = pytest.mark.django_db(transaction=True)

ADA = Subject("person", "9", "Ada Lovelace")
ADMIN = Actor("human", "1", "Ines")


def erase(entries) -> Entry:
    return erase_details(subject=ADA, entries=entries, actor=ADMIN, reason="She asked for it", now=NOW)


def test_nothing_readable_is_left_and_the_chain_still_verifies():
    write(3)
    write(2, subject=ADA, reason="Ada wrote to us")
    seal_entries(NOW)
    erase(queries.entries_about(ADA))
    assert not [body for body in Detail.objects.values_list("body", flat=True) if "Ada" in body]
    assert verify().is_intact
    seal_entries(NOW)
    report = verify()
    assert report.is_intact
    assert report.erased_count == 2


def test_what_a_person_did_is_found_as_well_as_what_was_done_to_them():
    [did] = write(actor=Actor("human", "9", "Ada Lovelace"))
    [token] = write(actor=Actor("token", "9", "a token of the same number"))
    [done] = write(subject=ADA)
    assert set(queries.entries_about(ADA)) == {did, done}
    assert token not in queries.entries_about(ADA)


def test_entries_that_only_mention_a_person_can_be_found():
    write()
    [mention] = write(after={"owner": 'Ada "Countess" Lovelace'})
    assert list(queries.entries_mentioning(['ada "countess"', "nobody"])) == [mention]
    assert list(queries.entries_mentioning([])) == []


def test_the_erasure_says_who_and_why_but_not_what():
    write(2, subject=ADA)
    entry = erase(queries.entries_about(ADA))
    assert (
        sentences.sentence(entry) == "Ines erased the words of the entries about person 9, 2 in all: She asked for it."
    )
    assert "Ada" not in Detail.objects.get(pk=entry.pk).body


def test_erasing_twice_finds_nothing_left():
    write(2, subject=ADA)
    erase(queries.entries_about(ADA))
    second = erase(queries.entries_about(ADA))
    assert sentences.detail_of(second)["extra"] == {"count": 0, "spans": []}
    assert verify().is_intact


def test_the_record_of_an_erasure_stays():
    write(subject=ADA)
    first = erase(queries.entries_about(ADA))
    erase(Entry.objects.all())
    assert sentences.detail_of(first)["reason"] == "She asked for it"
    assert verify().is_intact


def test_many_are_erased_at_once():
    write(1_200, subject=ADA)
    erase(queries.entries_about(ADA))
    assert Detail.objects.exclude(erased_at=None).count() == 1_200
    assert verify().is_intact


def test_an_erasure_that_fails_later_is_undone():
    from django.db import transaction

    write(subject=ADA)
    with transaction.atomic():
        erase(queries.entries_about(ADA))
        transaction.set_rollback(True)
    assert not Detail.objects.exclude(erased_at=None).exists()
    assert Entry.objects.count() == 1
    assert KIM.kind == "human"
