"""A person is erased: keys destroyed, names blanked, a certificate, and the chain still verifies."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from opsportal.audit.models import Detail, Entry
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.privacy import erasing
from opsportal.vault.engine import Shredded
from runbooks.models import Attempt, Delivered, Lane, Payload, ReplayItem
from runbooks.queue import claims, dispatch, operations, vaulting
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import let_go, make_target, store
from tests.receivers import Answer, HttpReceiver

pytestmark = pytest.mark.django_db
MAIL = "ann@example.org"


@pytest.fixture
def admin() -> Person:
    return make_person("admin", roles=[Role.ADMIN])


@pytest.fixture
def lead() -> Person:
    return make_person("lead", roles=[Role.OPS_LEAD])


def erase(admin: Person, lead: Person, **changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"keys": [MAIL], "reason": "request 17", "by": admin, "second": lead, "now": NOW}
    return erasing.erase_person(**said | changes)


def test_nothing_that_names_the_person_is_left_and_the_ledger_stays(
    receiver: HttpReceiver, admin: Person, lead: Person
) -> None:
    receiver.always(Answer(200, f"thanks {MAIL}".encode()))
    target = make_target(receiver.url)
    sent, waiting, other = store(target, MAIL, MAIL, "lead-2", payload={"mail": MAIL})
    let_go([sent])
    dispatch.drain(NOW, seconds=20)
    operations.hold_for_law(other, reason="case 9", actor=SETUP, now=NOW)
    operations.discard_item(waiting, reason=f"{MAIL} called", actor=SETUP, now=NOW)
    hashes = set(ReplayItem.objects.values_list("sha256", flat=True))
    certificate = erase(admin, lead)
    assert certificate["rooms"]["replay"]["erased"] == {
        "items": 2,
        "unfinished_discarded": 0,
        "payloads": 2,
        "keys_destroyed": 1,
    }
    for item in (sent, waiting):
        item.refresh_from_db()
        with pytest.raises(Shredded):
            vaulting.open_payload(item)
    rows: list[Any] = [
        *ReplayItem.objects.filter(record_key="").values(),
        *Attempt.objects.values(),
        *Delivered.objects.values(),
    ]
    rows += [*Lane.objects.exclude(record_key="lead-2").values(), *Detail.objects.values("body")]
    assert MAIL not in repr([*rows, certificate])
    assert set(ReplayItem.objects.values_list("sha256", flat=True)) == hashes
    assert Delivered.objects.count() == 1
    assert b"ann@" in vaulting.open_payload(ReplayItem.objects.get(pk=other.pk)), "another record is untouched"


def test_the_certificate_is_what_the_trail_says(admin: Person, lead: Person) -> None:
    store(make_target(), MAIL)
    certificate = erase(admin, lead)
    assert erasing.hash_of(certificate) == certificate["certificate_hash"]
    entry = Entry.objects.get(pk=certificate["audit_entry"])
    assert (entry.action, entry.subject_id) == ("person.erased", erasing.subject_hash(MAIL))
    assert json.loads(entry.detail.body)["extra"]["certificate_hash"] == certificate["certificate_hash"]
    changed = {**certificate, "second": "nobody"}
    assert erasing.hash_of(changed) != certificate["certificate_hash"]


def test_what_waits_is_discarded_and_the_same_record_comes_again_under_a_new_key(
    receiver: HttpReceiver, admin: Person, lead: Person
) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, MAIL)
    let_go([item])
    erase(admin, lead)
    dispatch.drain(NOW + timedelta(seconds=1), seconds=5)
    item.refresh_from_db()
    assert (item.state, receiver.requests) == ("discarded", [])
    (again,) = store(target, MAIL)
    assert again.sequence == 1
    assert vaulting.open_payload(again)


def test_a_legal_hold_keeps_its_payload_and_the_key_it_shares(admin: Person, lead: Person) -> None:
    target = make_target()
    held, free = store(target, MAIL, MAIL)
    operations.hold_for_law(held, reason="case 9", actor=SETUP, now=NOW)
    with pytest.raises(Conflict, match="case 9"):
        erase(admin, lead)
    certificate = erase(admin, lead, keep_held=True)
    assert list(certificate["rooms"]["replay"]["kept"]) == [str(held.pk)]
    assert vaulting.open_payload(held)
    assert not Payload.objects.filter(item=free).exists()
    held.refresh_from_db()
    assert held.record_key == MAIL


def test_what_is_being_sent_at_this_moment_is_not_erased_under_way(admin: Person, lead: Person) -> None:
    target = make_target()
    (item,) = store(target, MAIL)
    let_go([item])
    claims.claim(target, limit=1, now=NOW)
    with pytest.raises(Conflict):
        erase(admin, lead)


def test_it_takes_two_people(admin: Person, lead: Person) -> None:
    for by, second in ((admin, admin), (lead, admin), (admin, make_person("ana", roles=[Role.ANALYST]))):
        with pytest.raises(Forbidden):
            erase(by, second)


def test_the_command_looks_first_and_writes_the_certificate(
    admin: Person, lead: Person, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    store(make_target(), MAIL)
    call_command("erase_person", MAIL, by="admin")
    assert json.loads(capsys.readouterr().out)["replay"]["erases"]["payloads"] == 1
    assert ReplayItem.objects.get().record_key == MAIL
    out = tmp_path / "certificate.json"
    call_command("erase_person", MAIL, by="admin", second="lead", reason="request 17", out=out, yes=True)
    assert json.loads(out.read_text())["rooms"]["replay"]["erased"]["items"] == 1
    assert ReplayItem.objects.get().record_key == ""


def test_a_key_that_would_be_found_everywhere_and_a_reason_that_names_the_person_are_refused(
    admin: Person, lead: Person
) -> None:
    for changes, code in (({"keys": ["ann"]}, "key_length"), ({"reason": f"{MAIL} asked"}, "names_person")):
        with pytest.raises(InvalidInput) as refused:
            erase(admin, lead, **changes)
        assert refused.value.code == code


def test_a_certificate_is_checked_against_the_trail(admin: Person, lead: Person) -> None:
    store(make_target(), MAIL)
    certificate = erase(admin, lead)
    assert erasing.fault_of(certificate) == ""
    assert "hash" in erasing.fault_of({**certificate, "second": "nobody"})
    forged = {**certificate, "second": "nobody"}
    forged["certificate_hash"] = erasing.hash_of(forged)
    assert "trail" in erasing.fault_of(forged)
    assert erasing.fault_of([1]) == "This is no certificate."
