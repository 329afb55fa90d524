"""The replay queue over HTTP: storing, reading masked, deciding, and who may do what."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from opsportal import clock
from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from runbooks.models import Delivered, Payload, ReplayItem, ReplayTarget
from runbooks.queue import authority, claims, operations, reading, upkeep, vaulting
from runbooks.targets import operations as target_operations
from tests.factories.api import Caller, assert_problem, caller, encoded, signed_in
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.replay import let_go, make_target, store

pytestmark = pytest.mark.django_db
NEEDS_A_PERSON = (403, "needs_a_person")
TARGET = {"slug": "crm", "url": "https://crm.example.com/hook", "rate_per_minute": 120, "idempotent": True}


def a_lead() -> Caller:
    return signed_in(make_person(roles=[Role.OPS_LEAD]))


def test_a_target_is_made_with_a_secret_that_is_shown_once() -> None:
    lead = a_lead()
    made = lead.post("replay/targets/", TARGET)
    assert made.status_code == 201, made.content
    assert made.json()["secret"].startswith("whsec_")
    shown = lead.get("replay/targets/crm/").json()
    assert "secret" not in shown
    assert (shown["rate_per_minute"], shown["idempotent"], shown["health"], shown["max_attempts"]) == (
        120, True, "unused", 5,
    )  # fmt: skip
    assert made.json()["secret"].encode() not in bytes(ReplayTarget.objects.get().signing_secret)
    assert_problem(lead.post("replay/targets/", TARGET), 409, "slug_taken")


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/",
        "https://[fc00::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://localhost./",
        "https://user@crm.example.com/",
        "https://crm.internal/",
        "ftp://crm.example.com/",
    ],
)
def test_addresses_nobody_may_send_to_are_refused_at_save(url: str) -> None:
    problem = assert_problem(a_lead().post("replay/targets/", {**TARGET, "url": url}), 422)
    assert problem["errors"][0]["field"] == "url"
    assert not ReplayTarget.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate_per_minute", 0), ("max_attempts", 51), ("timeout_seconds", 31), ("secret_ref", "env:SECRET-KEY"),
     ("secret_ref", "SECRET_KEY"), ("already_there", [200])],
)  # fmt: skip
def test_what_a_target_declares_is_bounded(field: str, value: Any) -> None:
    problem = assert_problem(a_lead().post("replay/targets/", {**TARGET, field: value}), 422)
    assert problem["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize("is_answered_for", [True, False])
def test_no_token_says_where_payloads_go_it_only_stops_them(is_answered_for: bool) -> None:
    ada = make_person("ada", roles=[Role.OPS_LEAD])
    make_target("https://crm.example.com/hook", slug="crm")
    program = caller("catalog:write", "replay:read", person=ada if is_answered_for else None)
    assert_problem(program.post("replay/targets/", {**TARGET, "slug": "erp"}), *NEEDS_A_PERSON)
    for change in ({"url": "https://evil.example.com/"}, {"idempotent": True}, {"secret_ref": "env:CRM"}, {}):
        assert_problem(program.patch("replay/targets/crm/", change), *NEEDS_A_PERSON)
    assert program.post("replay/targets/crm/stop/", {"reason": "it is down"}).json()["health"] == "stopped"
    assert_problem(program.post("replay/targets/crm/start/", {}), *NEEDS_A_PERSON)
    target = ReplayTarget.objects.get()
    assert (target.url, target.idempotent, target.stopped_at is None) == ("https://crm.example.com/hook", False, False)


def test_an_ops_lead_changes_a_target_and_starts_it_again_and_nobody_else() -> None:
    make_target("https://crm.example.com/hook", slug="crm")
    lead, analyst = a_lead(), signed_in(make_person(roles=[Role.ANALYST]))
    assert_problem(analyst.patch("replay/targets/crm/", {"idempotent": True}), 403)
    assert lead.patch("replay/targets/crm/", {"idempotent": True}).json()["idempotent"] is True
    lead.post("replay/targets/crm/stop/", {"reason": "it is down"})
    assert lead.post("replay/targets/crm/start/", {}).json()["stopped_at"] is None


def test_payloads_come_one_by_one_and_the_same_again_is_a_duplicate() -> None:
    make_target(slug="crm")
    program = caller("replay:enqueue", "replay:read")
    body = {"target": "crm", "external_id": "e1", "record_key": "lead-1", "payload": {"a": 1}, "error_type": "Timeout"}
    first = program.post("replay/items/", body)
    assert (first.status_code, first.json()["status"]) == (201, "created")
    again = program.post("replay/items/", body)
    assert (again.status_code, again.json()) == (200, {"status": "duplicate", "id": first.json()["id"]})
    assert_problem(program.post("replay/items/", {**body, "payload": {"a": 2}}), 409, "external_id_conflict")
    item = program.get(f"replay/items/{first.json()['id']}/").json()
    assert (item["state"], item["attempts"], item["next_attempt_at"], item["sequence"]) == ("held", 0, None, 1)
    assert (item["target"], item["error_type"], item["payload"]) == ("crm", "Timeout", {"a": 1})


def test_lists_and_lines_are_answered_one_by_one() -> None:
    make_target(slug="crm")
    program = caller("replay:enqueue")
    lines: list[dict[str, Any]] = [
        {"target": "crm", "external_id": "a", "payload": 1},
        {"target": "crm", "external_id": "a", "payload": 1},
        {"target": "crm", "external_id": "a", "payload": 2},
        {"target": "nowhere", "payload": 1},
        {"target": "crm"},
        {"target": "crm", "payload_base64": base64.b64encode(b"\x00\xff").decode(), "content_type": "image/png"},
        {"target": "crm", "payload_base64": "***"},
        {"target": "crm", "payload": 1, "state": "delivered"},
    ]
    expected = ["created", "duplicate", "conflict", "invalid", "invalid", "created", "invalid", "invalid"]
    answer = program.post("replay/items/", lines).json()
    assert [one["status"] for one in answer["results"]] == expected
    assert answer["counts"] == {"created": 2, "updated": 0, "duplicate": 1, "conflict": 1, "invalid": 4}
    raw = b"".join(encoded({**line, "external_id": f"b{number}"}) + b"\n" for number, line in enumerate(lines))
    answer = json.loads(b"".join(program.send("POST", "replay/items/bulk/", raw, Content_Type="application/x-ndjson")))
    assert answer["counts"]["created"] == 4
    binary = ReplayItem.objects.get(external_id="b5")
    assert vaulting.open_payload(binary) == b"\x00\xff"


def test_payloads_are_stored_encrypted_and_shown_masked() -> None:
    target = make_target()
    payload = {"email": "ann@example.org", "note": "call +49 170 1234567", "name": "Ann Lee", "amount": 12}
    (item,) = store(target, "lead-1", payload=payload)
    assert b"ann@" not in bytes(Payload.objects.get().sealed)
    shown = caller("replay:read").get(f"replay/items/{item.pk}/").json()["payload"]
    assert shown["amount"] == 12
    assert not any(word in json.dumps(shown) for word in ("ann@", "1234567", "Lee"))


def test_reading_a_payload_in_clear_takes_a_reason_and_leaves_an_entry() -> None:
    (item,) = store(make_target(), "lead-1", payload={"name": "Ann"})
    with pytest.raises(InvalidInput):
        reading.unmask(item, reason=" ", actor=SETUP, now=NOW)
    assert reading.unmask(item, reason="the customer asked", actor=SETUP, now=NOW) == b'{"name":"Ann"}'
    assert Entry.objects.filter(action="replay.payload_read").count() == 1


def test_what_somebody_may_not_see_is_not_there() -> None:
    sales, ops = make_team("sales"), make_team("ops")
    mine, theirs = make_target(slug="mine", team=sales), make_target(slug="theirs", team=ops)
    (own,), (foreign,) = store(mine, "a"), store(theirs, "a")
    program = caller("replay:read", "replay:request", "replay:enqueue", team=sales)
    assert [one["id"] for one in program.get("replay/items/").json()["results"]] == [str(own.pk)]
    assert_problem(program.get(f"replay/items/{foreign.pk}/"), 404)
    assert_problem(program.post(f"replay/items/{foreign.pk}/discard/", {"reason": "x"}), 404)
    assert_problem(program.get("replay/targets/theirs/"), 404)
    refused = program.post("replay/items/", {"target": "theirs", "payload": 1})
    assert_problem(refused, 422, "unknown_target")


def test_a_person_decides_about_an_item_and_a_second_decision_is_refused() -> None:
    target = make_target()
    first, second, third = store(target, "a", "a", "a")
    analyst = signed_in(make_person(roles=[Role.ANALYST]))
    assert_problem(analyst.post(f"replay/items/{first.pk}/discard/", {}), 422)
    assert analyst.post(f"replay/items/{first.pk}/supersede/", {"reason": "newer"}).json()["state"] == "superseded"
    assert analyst.post(f"replay/items/{second.pk}/discard/", {"reason": "x"}).json()["state"] == "discarded"
    assert_problem(analyst.post(f"replay/items/{second.pk}/discard/", {"reason": "x"}), 409, "invalid_transition")
    assert_problem(analyst.post(f"replay/items/{third.pk}/supersede/", {"reason": "x"}), 409, "nothing_newer")
    done = analyst.post(f"replay/items/{third.pk}/resend/", {"reason": "fixed"})
    assert (done.status_code, done.json()["state"], done.json()["approval"]) == (200, "pending", None)
    assert Entry.objects.filter(subject_type="replay_item").count() == 2
    assert Entry.objects.filter(action="replay.released").count() == 1


@pytest.mark.parametrize("state", ["held", "dead", "in_doubt"])
@pytest.mark.parametrize("is_answered_for", [True, False])
def test_no_token_decides_about_an_item(state: str, is_answered_for: bool) -> None:
    target, ada = make_target(superseding=True), make_person("ada", roles=[Role.OPS_LEAD])
    (item,) = store(target, "a")
    ReplayItem.objects.filter(pk=item.pk).update(state=state)
    program = caller("replay:request", "replay:read", person=ada if is_answered_for else None)
    for decision in ("mark_delivered", "discard", "supersede"):
        refused = program.post(f"replay/items/{item.pk}/{decision}/", {"reason": "it has it"})
        assert_problem(refused, *NEEDS_A_PERSON)
    assert ReplayItem.objects.get().state == state
    assert not Delivered.objects.exists()


def test_what_is_in_doubt_is_sent_again_by_a_person_alone() -> None:
    first, second = store(make_target(), "a", "b")
    ReplayItem.objects.filter(pk=first.pk).update(state="in_doubt")
    program, analyst = caller("replay:request"), signed_in(make_person(roles=[Role.ANALYST]))
    said = {"reason": "it has it not"}
    assert_problem(program.post(f"replay/items/{first.pk}/resend/", said), *NEEDS_A_PERSON)
    assert ReplayItem.objects.get(pk=first.pk).state == "in_doubt"
    assert program.post(f"replay/items/{second.pk}/resend/", said).json()["state"] == "pending"
    assert analyst.post(f"replay/items/{first.pk}/resend/", said).json()["state"] == "pending"


def test_what_came_into_doubt_since_it_was_looked_at_is_not_sent_again() -> None:
    (item,) = store(make_target(), "a")
    ReplayItem.objects.filter(pk=item.pk).update(state="in_doubt")
    with pytest.raises(Conflict):
        operations.resend_items([item], reason="fixed", actor=SETUP, person=None, now=NOW)
    assert ReplayItem.objects.get().state == "in_doubt"


def test_a_p0_goes_only_with_a_second_person() -> None:
    ada, lee = make_person("ada", roles=[Role.OPS_LEAD]), make_person("lee", roles=[Role.OPS_LEAD])
    automation = make_automation("router", tier="P0", owner=ada)
    (item,) = store(make_target(automation=automation), "a")
    program = caller("replay:request", "replay:read", person=ada)
    asked = program.post(f"replay/items/{item.pk}/resend/", {"reason": "fixed"})
    assert (asked.status_code, asked.json()["state"]) == (202, "held")
    approval = Approval.objects.get(pk=asked.json()["approval"])
    with pytest.raises(Forbidden):
        approvals.approve(approval.pk, person=ada, now=approval.requested_at, authenticated_at=approval.requested_at)
    approvals.approve(approval.pk, person=lee, now=approval.requested_at, authenticated_at=approval.requested_at)
    item.refresh_from_db()
    assert item.state == "pending"
    assert authority.why_not(item) == ""
    Approval.objects.filter(pk=approval.pk).update(state="voided")
    assert authority.why_not(ReplayItem.objects.get()) == "no second person has approved it"


def test_an_approval_holds_for_exactly_these_payloads_at_this_address() -> None:
    ada, lee = make_person("ada", roles=[Role.OPS_LEAD]), make_person("lee", roles=[Role.OPS_LEAD])
    target = make_target(automation=make_automation("router", tier="P0", owner=ada))
    (item,) = store(target, "a")
    asked = operations.resend_items([item], reason="fixed", actor=actor_for(ada), person=ada, now=NOW)
    target_operations.change_target(target, values={"url": "https://evil.example.com/"}, actor=SETUP, now=NOW)
    decided = approvals.approve(asked.pk, person=lee, now=NOW, authenticated_at=NOW)
    assert decided.state == "voided"
    item.refresh_from_db()
    assert item.state == "held"


def test_a_token_nobody_stands_behind_cannot_ask_for_a_p0() -> None:
    (item,) = store(make_target(automation=make_automation("router", tier="P0")), "a")
    refused = caller("replay:request").post(f"replay/items/{item.pk}/resend/", {"reason": "x"})
    assert_problem(refused, 403, "nobody")


def test_more_than_a_hundred_in_an_hour_need_a_second_person() -> None:
    ada = make_person("ada")
    items = store(make_target(), *[f"lead-{number}" for number in range(101)])
    said: dict[str, Any] = {"reason": "fixed", "actor": actor_for(ada), "person": ada, "now": NOW}
    operations.resend_items(items[:60], **said)
    operations.resend_items(items[60:100], **said)
    assert isinstance(operations.resend_items(items[100:], **said), Approval)


def test_a_newer_payload_replaces_older_ones_only_where_the_target_says_so_and_never_for_a_p0() -> None:
    plain, newest = make_target(), make_target(superseding=True)
    critical = make_target(superseding=True, automation=make_automation("router", tier="P0"))
    for target, states in ((plain, ["held", "held"]), (newest, ["superseded", "held"]), (critical, ["held", "held"])):
        store(target, "a")
        store(target, "a")
        rows = ReplayItem.objects.filter(target=target).order_by("sequence")
        assert [row.state for row in rows] == states


def test_payloads_go_when_their_time_has_passed_unless_a_hold_keeps_them(settings: Any) -> None:
    settings.REPLAY_KEEP_DAYS = 30
    target = make_target()
    old, held, waiting = store(target, "a", "b", "c")
    said: dict[str, Any] = {"reason": "case 7", "actor": SETUP, "now": NOW}
    for item in (old, held):
        operations.discard_item(item, **said)
    operations.hold_for_law(held, **said)
    later = NOW + timedelta(days=31)
    assert operations.remove_old_payloads(actor=SETUP, now=NOW + timedelta(days=29)) == 0
    assert operations.remove_old_payloads(actor=SETUP, now=later) == 1
    assert set(Payload.objects.values_list("item", flat=True)) == {held.pk, waiting.pk}
    assert "removed" in reading.masked(old)
    assert ReplayItem.objects.get(pk=old.pk).sha256
    operations.end_legal_hold(held, **said)
    assert operations.remove_old_payloads(actor=SETUP, now=later) == 1
    assert Entry.objects.filter(action="replay.payloads_removed").count() == 2


def test_a_head_that_somebody_left_behind_in_the_tables_is_found_and_made_due() -> None:
    target = make_target()
    (item,) = store(target, "a")
    let_go([item])
    ReplayItem.objects.filter(pk=item.pk).update(due_at=None)
    assert upkeep.mend(NOW).fired == 1
    assert upkeep.mend(NOW).examined == 0
    assert ReplayItem.objects.get(pk=item.pk).due_at == NOW


def test_live_traffic_takes_slots_of_the_same_rate() -> None:
    target = make_target(slug="crm", rate_per_minute=60)
    let_go(store(target, "a"))
    answer = caller("replay:enqueue").post("replay/targets/crm/live/", {"count": 10})
    assert answer.status_code == 204
    assert claims.claim(target, limit=5, now=clock.now()) == []
    assert len(claims.claim(target, limit=5, now=clock.now() + timedelta(seconds=11))) == 1
