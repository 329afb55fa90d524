"""Opening handoffs: what the rule fills in, duplicates, repeated events, refusals."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from handoffs import operations
from handoffs.models import Handoff
from handoffs.operations import NewHandoff
from handoffs.states import HandoffState, RuleMode
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, InvalidInput
from tests.factories.handoffs import START, actions_on, after, make_calendar, make_handoff, make_rule, told
from tests.factories.identity import SETUP, make_person

pytestmark = pytest.mark.django_db


def post(rule: Any, minutes: float = 0, **said: Any) -> operations.Accepted:
    new = NewHandoff(rule=rule, subject="Lead", **{"external_ref": "lead-1", **said})
    return operations.create_handoff(new=new, actor=SETUP, now=after(minutes))


def refused(code: str) -> Any:
    return pytest.raises((Conflict, InvalidInput), check=lambda error: error.code == code)


def test_what_is_not_said_comes_from_the_rule() -> None:
    ana, ben = make_person(), make_person()
    rule = make_rule(default_owner=ana, default_backup_owner=ben, sla_minutes=45, stop_clock="completion")
    lead = post(rule).handoff
    assert (lead.owner, lead.backup_owner, lead.sla_minutes, lead.sla_is_own) == (ana, ben, 45, False)
    assert (lead.started_at, lead.assigned_at, lead.ingested_at) == (START, START, START)
    assert (lead.stop_clock, lead.due_at, lead.state) == ("completion", after(45), HandoffState.OPEN)
    assert len(lead.trace_id) == 32
    assert told(ana) == [], "a timer that has just begun is no news"


def test_the_first_segment_that_fits_gives_the_timer() -> None:
    segments = [
        {"channel": "web", "icp": "enterprise", "sla_minutes": 5},
        {"channel": "web", "sla_minutes": 15},
        {"icp": "enterprise", "sla_minutes": 20},
    ]
    rule = make_rule(segments=segments)
    timers = {
        said: post(rule, external_ref=f"{said}", channel=said[0], icp=said[1]).handoff.sla_minutes
        for said in (("web", "enterprise"), ("web", "smb"), ("phone", "enterprise"), ("phone", "smb"))
    }
    assert list(timers.values()) == [5, 15, 20, 30]
    own = post(rule, external_ref="own", channel="web", sla_minutes=7).handoff
    assert (own.sla_minutes, own.sla_is_own) == (7, True)


def test_ingest_lag_and_business_hours_are_stored() -> None:
    calendar = make_calendar(tue=[["09:00", "17:00"]])
    rule = make_rule(calendar=calendar.slug)
    inside = post(rule, 12, started_at=after(2)).handoff
    assert (inside.ingest_lag_seconds, inside.within_business_hours) == (600, True)
    outside = post(rule, external_ref="x", started_at=START - timedelta(minutes=1)).handoff
    assert not outside.within_business_hours
    assert outside.due_at == after(30)


def test_the_same_reference_while_one_runs_is_a_duplicate_and_afterwards_a_new_record() -> None:
    rule = make_rule()
    first = post(rule)
    again = post(rule, 5, owner=make_person())
    assert (again.duplicate, again.handoff.pk, again.handoff.owner) == (True, first.handoff.pk, None)
    operations.complete_handoff(first.handoff, actor=SETUP, now=after(10))
    assert not post(rule, 11).duplicate
    assert not post(make_rule(), 11).duplicate, "another rule has its own timer"
    assert not post(rule, external_ref="").duplicate
    assert not post(rule, external_ref="").duplicate


def test_an_answered_lead_still_runs_under_a_completion_clock_only() -> None:
    from opsportal.audit.engine import Actor

    kim = Actor("human", "kim", "Kim")
    for clock, duplicate in (("completion", True), ("first_response", False)):
        rule = make_rule(stop_clock=clock)
        operations.respond_to_handoff(post(rule).handoff, actor=kim, now=after(1))
        assert post(rule, 2).duplicate == duplicate


def test_the_same_event_answers_the_same_record_even_after_it_ended() -> None:
    rule = make_rule()
    first = post(rule, source="crm", event_id="e1")
    operations.complete_handoff(first.handoff, actor=SETUP, now=after(1))
    entries = Entry.objects.count()
    again = post(rule, 2, source="crm", event_id="e1", trace_id="another-request")
    assert (again.duplicate, again.handoff.pk) == (True, first.handoff.pk)
    assert Entry.objects.count() == entries
    with refused("event_id_conflict"):
        post(rule, 3, source="crm", event_id="e1", channel="web")
    assert not post(rule, 4, source="other", event_id="e1").duplicate


def test_a_duplicate_reference_claims_its_event_too() -> None:
    rule = make_rule()
    first = post(rule)
    assert post(rule, 1, source="crm", event_id="e1").duplicate
    operations.complete_handoff(first.handoff, actor=SETUP, now=after(2))
    assert post(rule, 3, source="crm", event_id="e1").handoff.pk == first.handoff.pk


@pytest.mark.parametrize("mode", [RuleMode.DRAFT, RuleMode.RETIRED])
def test_a_rule_that_is_not_at_work_opens_nothing(mode: RuleMode) -> None:
    with refused("rule_not_at_work"):
        post(make_rule(mode=mode))
    assert not Handoff.objects.exists()


def test_people_who_left_and_timers_of_no_length_are_refused() -> None:
    rule = make_rule()
    with refused("inactive_person"):
        post(rule, owner=make_person(active=False))
    with refused("bad_minutes"):
        post(rule, sla_minutes=0)
    with refused("bad_minutes"):
        post(rule, sla_minutes=10**9)
    assert post(rule, sla_minutes=525_600).handoff.due_at == START + timedelta(days=365)


def test_details_are_kept_as_they_were_said() -> None:
    lead = post(
        make_rule(),
        channel="web",
        icp="smb",
        amount=Decimal("1200.50"),
        url="https://crm/1",
        attributes={"region": "EU"},
    ).handoff
    assert (lead.amount, lead.url, lead.attributes) == (Decimal("1200.50"), "https://crm/1", {"region": "EU"})
    assert actions_on(lead) == ["created"]


def test_the_shape_for_the_outside_has_the_names_of_the_contract() -> None:
    from handoffs.queries import verdict_of
    from handoffs.shapes import handoff_data

    names = {
        "id", "rule", "external_ref", "subject", "state", "cycle", "owner", "backup_owner", "sla_minutes", "started_at",
        "assigned_at", "ingested_at", "due_at", "breach_at", "first_response_at", "completed_at", "cancelled_at",
        "elapsed_seconds", "missed", "breached", "breach_reason", "business_hit", "absolute_hit",
        "within_business_hours", "late_on_arrival", "historical", "backup_missing", "source", "event_id", "trace_id",
        "channel", "icp", "amount", "outcome", "url",
    }  # fmt: skip
    lead = make_handoff(amount=Decimal("10.00"))
    data = handoff_data(lead, verdict_of(lead, after(3)))
    assert names <= set(data)
    assert (data["started_at"], data["amount"], data["elapsed_seconds"]) == ("2026-11-03T09:00:00Z", "10.00", 180)
    assert data["business_hit"] is None
