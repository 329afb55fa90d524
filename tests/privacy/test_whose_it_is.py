"""What belongs to a person and what does not: vault keys of whole records, letters, namesakes, numbers, many keys."""

from typing import Any

import pytest
from django.test import Client

from handoffs.models import CaseEvent, Handoff
from opsportal import clock
from opsportal.audit.models import Detail, Entry
from opsportal.errors import Conflict
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.privacy import erasing
from runbooks.models import Payload, ReplayItem
from runbooks.queue import dispatch, operations, vaulting
from tests.factories import handoffs as make
from tests.factories.api import Caller, caller
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import let_go, make_target, store
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db
MAIL = "ann@example.org"


@pytest.fixture
def admin() -> Person:
    return make_person("admin", roles=[Role.ADMIN])


@pytest.fixture
def lead() -> Person:
    return make_person("lead", roles=[Role.OPS_LEAD])


@pytest.fixture
def token() -> Caller:
    return caller("admin", source="crm")


def erase(admin: Person, lead: Person, *keys: str, **said: Any) -> dict[str, Any]:
    return erasing.erase_person(keys=keys, reason="request 17", by=admin, second=lead, now=clock.now(), **said)


def taken(answer: Any) -> Any:
    assert answer.status_code < 300, answer.content
    return answer


def stored(token: Caller, target: str, external_id: str, record_key: str) -> ReplayItem:
    said = {"target": target, "external_id": external_id, "record_key": record_key, "payload": {"mail": MAIL}}
    return ReplayItem.objects.get(pk=taken(token.post("replay/items/", said)).json()["id"])


def test_an_external_id_takes_all_of_its_record_along_and_the_look_counts_it(
    admin: Person, lead: Person, token: Caller
) -> None:
    make_target(slug="crm")
    make_target(slug="shop")
    one, sibling, elsewhere = (
        stored(token, "crm", "exec-812", "lead-42"),
        stored(token, "crm", "exec-813", "lead-42"),
        stored(token, "shop", "order-1", "lead-42"),
    )
    stranger = stored(token, "crm", "exec-900", "lead-43")
    seen = erasing.look(["exec-812"], by=admin, now=clock.now())
    assert (seen.rooms["replay"].counts["items"], seen.found.names) == (3, {"lead-42"})
    erase(admin, lead, "exec-812")
    for item in (one, sibling, elsewhere):
        item.refresh_from_db()
        assert (item.state, item.record_key) == ("discarded", "")
    stranger.refresh_from_db()
    assert (stranger.state, stranger.record_key) == ("held", "lead-43")
    assert MAIL.encode() in vaulting.open_payload(stranger)


def test_a_hold_on_another_payload_of_the_record_refuses(admin: Person, lead: Person, token: Caller) -> None:
    make_target(slug="crm")
    free, held = stored(token, "crm", "exec-812", "lead-42"), stored(token, "crm", "exec-813", "lead-42")
    operations.hold_for_law(held, reason="case 9", actor=SETUP, now=NOW)
    with pytest.raises(Conflict, match="case 9"):
        erase(admin, lead, "exec-812")
    erase(admin, lead, "exec-812", keep_held=True)
    assert MAIL.encode() in vaulting.open_payload(held)
    assert not Payload.objects.filter(item=free).exists()


def test_a_payload_stored_in_other_letters_is_erased_and_not_sent(
    receiver: HttpReceiver, admin: Person, lead: Person, token: Caller
) -> None:
    target = make_target(receiver.url, slug="crm")
    item = stored(token, "crm", "exec-1", "Ann@Example.org")
    let_go([item])
    certificate = erase(admin, lead, MAIL)
    assert certificate["rooms"]["replay"]["erased"]["payloads"] == 1
    dispatch.drain(clock.now(), seconds=5)
    item.refresh_from_db()
    assert (item.state, item.record_key, receiver.requests) == ("discarded", "", [])
    (again,) = store(target, "Ann@Example.org")
    assert again.sequence == 1


def test_handoffs_and_events_in_other_letters_are_theirs_and_namesakes_keep_running(
    admin: Person, lead: Person, token: Caller
) -> None:
    make.make_rule("speed")
    now = clock.now().isoformat()
    for reference in ("Ann@Example.org", "lead-9"):
        said = {"rule": "speed", "external_ref": reference, "subject": "Ann Meyer", "started_at": now}
        taken(token.post("handoffs/", said))
    event = {"case_id": "ANN@example.org", "event_name": "form_sent", "timestamp": now, "attributes": {"city": "Bonn"}}
    taken(token.post("events/", event))
    erase(admin, lead, MAIL, "Ann Meyer")
    namesake = Handoff.objects.get(external_ref="lead-9")
    assert (namesake.is_running, namesake.subject) == (True, "[erased]")
    theirs = Handoff.objects.exclude(pk=namesake.pk).get()
    assert (theirs.is_running, theirs.external_ref[:7]) == (False, "erased:")
    told = CaseEvent.objects.get(event_name="form_sent")
    assert (told.case_id[:7], told.attributes) == ("erased:", {})


def test_a_reason_with_the_key_on_its_second_line_leaves_the_trail(admin: Person, lead: Person, token: Caller) -> None:
    make_target(slug="crm")
    other = stored(token, "crm", "exec-1", "lead-7")
    client = Client()
    client.force_login(lead)
    said = {"reason": "not sent, see:\nlead-42"}
    assert client.post(f"/replay/items/{other.pk}/legal-hold/set/", said).status_code == 302
    assert client.post(f"/replay/items/{other.pk}/legal-hold/end/", {"reason": "of lead-421"}).status_code == 302
    certificate = erase(admin, lead, "lead-42")
    assert not Detail.objects.filter(body__contains="see:").exists()
    ended = Entry.objects.get(action="replay.legal_hold_ended")
    assert f"audit_detail {ended.pk}" in certificate["rooms"]["trail"]["kept"], "a longer key is named and left"


def test_a_number_in_json_is_erased(admin: Person, lead: Person, token: Caller) -> None:
    make.make_rule("speed")
    said = {"rule": "speed", "external_ref": "lead-9", "subject": "Bolt", "started_at": clock.now().isoformat()}
    taken(token.post("handoffs/", {**said, "attributes": {"phone": 3055577123, "seats": 4}}))
    erase(admin, lead, "3055577123")
    assert Handoff.objects.get().attributes == {"phone": "[erased]", "seats": 4}


def test_twenty_keys_are_looked_for_at_once(admin: Person, token: Caller) -> None:
    make_target(slug="crm")
    keys = [f"Zoë Marker {number}@Example.org" for number in range(20)]
    stored(token, "crm", "exec-1", keys[0])
    stored(token, "crm", "exec-2", keys[-1])
    assert erasing.look(keys, by=admin, now=clock.now()).rooms["replay"].counts["items"] == 2


def test_what_is_left_is_named_by_its_first_rows_and_a_count(admin: Person) -> None:
    for number in range(25):
        make_automation(f"router-{number}", name=f"Router {number} of Ann Meyer", now=clock.now())
    kept = erasing.look(["Ann Meyer"], by=admin, now=clock.now()).rooms["texts"].kept
    places = [place for place in kept if place.startswith("catalog_automation.name")]
    assert len(places) == 21
    assert "catalog_automation.name: 5 more" in places


def test_a_hold_set_after_they_were_found_refuses(admin: Person, lead: Person) -> None:
    (item,) = store(make_target(), MAIL)
    sought = erasing._seek([MAIL])
    operations.hold_for_law(item, reason="case 9", actor=SETUP, now=NOW)
    with pytest.raises(Conflict) as refused:
        operations.erase_subject(sought, is_look=False, actor=SETUP, now=NOW)
    assert refused.value.code == "legal_hold"
    assert vaulting.open_payload(item)
