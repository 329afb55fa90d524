"""What other terms would have made of history: exact by the one calculator, for every clock; then pages and API."""

import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from handoffs import operations
from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock
from handoffs.engine.ladder import Stage
from handoffs.engine.what_if import Case, compare, fires
from handoffs.models import Handoff
from handoffs.queries.what_if import Terms, what_if
from opsportal.audit.engine import Actor
from opsportal.calendars.models import Calendar
from opsportal.errors import InvalidInput
from opsportal.identity.roles import Role
from tests.factories import handoffs as make
from tests.factories import identity as people
from tests.handoffs.test_clock import ALWAYS, ODD, OFFICE, at

KIM = Actor("human", "kim", "Kim")
BASE = at("mon 00:00")
LADDER = (
    Stage(100, ("alert_owner",)),
    Stage(200, ("mark_breached", "reassign_to_backup", "notify_both")),
    Stage(300, ("notify_manager", "escalate")),
)
MOMENTS = st.integers(0, 6 * 86_400_000).map(lambda ms: BASE + timedelta(milliseconds=ms))


@st.composite
def clocks(draw):
    """Any clock: stopped, cancelled or running, with pauses, perhaps an open one, perhaps a grace."""
    start = draw(MOMENTS).replace(microsecond=0)
    edges = sorted(draw(st.lists(MOMENTS.map(lambda m: m.replace(microsecond=0)), max_size=5)))
    edges = [edge for edge in edges if edge >= start]
    pauses = [(begin, until) for begin, until in zip(edges[::2], [*edges[1::2], None], strict=False) if begin != until]
    stop = draw(st.one_of(st.none(), MOMENTS.filter(lambda m: m >= start)))
    if stop is not None:
        pauses = [(begin, min(until or stop, stop)) for begin, until in pauses if begin < stop]
    return Clock(
        hours=draw(st.sampled_from([OFFICE, ALWAYS, ODD])),
        started_at=start,
        sla_seconds=draw(st.integers(1, 400)) * 60,
        pauses=tuple(pauses),
        stopped_at=stop if (kind := draw(st.integers(0, 2))) else None,
        cancelled_at=stop if not kind else None,
        grace_seconds=draw(st.sampled_from([0, 0, 1, 600])),
    )


@given(clocks(), MOMENTS, st.lists(st.integers(1, 500), min_size=1, max_size=4, unique=True).map(sorted))
def test_a_stage_fires_if_and_only_if_its_deadline_came_before_the_stop(clock, now, percents):
    end = clock.stopped_at or clock.cancelled_at
    deadlines = engine.plan(replace(clock, stopped_at=None, cancelled_at=None), percents).deadlines
    expected = [one.at is not None and (one.at < end if end else one.at <= now) for one in deadlines]
    assert fires(clock, percents, now) == expected


@given(st.lists(clocks(), max_size=12), MOMENTS)
def test_the_present_terms_change_nothing(some, now):
    found = compare(((Case(one, LADDER), Case(one, LADDER)) for one in some), now)
    assert found.before == found.after
    assert found.newly_hit == found.newly_missed == 0
    verdicts = [engine.judge(one, now) for one in some]
    assert found.before.business_hits == sum(one.business_hit is True for one in verdicts)
    assert found.before.breached == sum(one.breached for one in verdicts)


@given(st.lists(clocks(), max_size=12), MOMENTS, st.integers(1, 300))
def test_a_longer_timer_never_fires_more_nor_hits_less(some, now, minutes):
    longer = [replace(one, sla_seconds=one.sla_seconds + 60 * minutes) for one in some]
    found = compare(zip((Case(o, LADDER) for o in some), (Case(o, LADDER) for o in longer), strict=True), now)
    for name in ("alerted", "reassigned", "escalated", "breached", "missed"):
        assert getattr(found.after, name) <= getattr(found.before, name)
    assert found.newly_missed == 0
    for stage in found.after.ladder():
        assert stage.fired + stage.answered_before + stage.cancelled_before + stage.not_yet == len(some)


def test_five_thousand_records_take_less_than_a_second():
    some = [
        Clock(OFFICE, BASE + timedelta(minutes=7 * n), 1800, stopped_at=BASE + timedelta(minutes=7 * n + n % 90))
        for n in range(5_000)
    ]
    begin = time.process_time()
    compare(((Case(one, LADDER), Case(replace(one, sla_seconds=2700), LADDER)) for one in some), at("sun 00:00"))
    assert time.process_time() - begin < 1


# --- over what is stored ---

db = pytest.mark.django_db


def answered(rule, minutes, **said):
    handoff = make.make_handoff(rule, **said)
    moment = handoff.started_at + timedelta(minutes=minutes)
    return operations.respond_to_handoff(handoff, actor=KIM, now=moment)


@db
def test_the_stored_verdicts_come_out_again_under_the_terms_each_record_had():
    calendar = make.make_calendar(tue=[["08:00", "09:40"], ["10:00", "18:00"]])
    rule = make.make_rule(calendar=calendar.slug, segments=[{"channel": "web", "sla_minutes": 10}])
    for minutes, said in ((20, {}), (45, {}), (70, {"channel": "web"}), (15, {"sla_minutes": 90}), (300, {})):
        answered(rule, minutes, **said)
    held = make.make_handoff(rule)
    operations.pause_handoff(held, actor=KIM, now=make.after(10), reason="Waiting")
    operations.resume_handoff(held, actor=KIM, now=make.after(100))
    operations.respond_to_handoff(held, actor=KIM, now=make.after(115))
    cancelled = make.make_handoff(rule)
    operations.cancel_handoff(cancelled, actor=KIM, now=make.after(40), reason="Spam")
    make.make_handoff(rule)
    found = what_if(rule, Terms(), now=make.after(600)).comparison
    assert found.before == found.after
    stored = Handoff.objects.filter(rule=rule)
    assert found.before.business_hits == stored.filter(business_hit=True).count()
    assert found.before.absolute_hits == stored.filter(absolute_hit=True).count()
    assert (found.before.n, found.before.cancelled, found.before.pending) == (8, 1, 0)


@db
def test_earlier_cycles_count_once_each():
    rule = make.make_rule(stop_clock="completion")
    handoff = make.make_handoff(rule)
    operations.complete_handoff(handoff, actor=KIM, now=make.after(70))
    operations.reopen_handoff(handoff, mode="new_cycle", actor=KIM, now=make.after(200))
    operations.complete_handoff(handoff, actor=KIM, now=make.after(210))
    before = what_if(rule, Terms(), now=make.after(600)).comparison.before
    assert (before.n, before.business_hits, before.breached) == (2, 1, 1)


@db
def test_another_timer_leaves_those_that_have_their_own():
    rule = make.make_rule(segments=[{"channel": "web", "sla_minutes": 10}])
    for minutes, said in ((20, {"channel": "web"}), (45, {"sla_minutes": 40}), (45, {}), (70, {})):
        answered(rule, minutes, **said)
    told = what_if(rule, Terms(sla_minutes=60), now=make.after(600))
    assert told.kept_own == 2
    found = told.comparison
    assert (found.before.alerted, found.after.alerted) == (4, 3)
    assert (found.before.reassigned, found.after.reassigned) == (1, 0)
    assert (found.newly_hit, found.before.business_hits, found.after.business_hits) == (1, 0, 1)


@db
def test_a_moved_ladder_and_another_calendar():
    rule = make.make_rule()
    answered(rule, 45)
    moved = what_if(rule, Terms(percents=(50, 200, 300)), now=make.after(600)).comparison.after
    assert [(one.percent, one.fired, one.answered_before) for one in moved.ladder()] == [
        (50, 1, 0), (200, 0, 1), (300, 0, 1),
    ]  # fmt: skip
    closed = make.make_calendar(wed=[["09:00", "17:00"]])
    found = what_if(rule, Terms(calendar=closed), now=make.after(600)).comparison
    assert (found.before.business_hits, found.after.business_hits, found.after.alerted) == (0, 1, 0)
    with pytest.raises(InvalidInput):
        what_if(rule, Terms(percents=(50, 200)), now=make.after(600))
    with pytest.raises(InvalidInput):
        what_if(rule, Terms(percents=(200, 100, 300)), now=make.after(600))


@db
def test_nobody_to_take_over_is_told_apart_from_a_change_of_hands():
    rule = make.make_rule()
    answered(rule, 70, backup_owner=None)
    answered(rule, 70)
    before = what_if(rule, Terms(), now=make.after(600)).comparison.before
    assert (before.reassigned, before.kept) == (1, 1)


@db
def test_who_may_see_a_rule_may_try_it_on_the_page_and_over_the_api():
    sales, support = people.make_team("sales"), people.make_team("support")
    rule = make.make_rule("speed", team=sales)
    for minutes in (20, 45, 70):
        answered(rule, minutes)
    owner, teammate = people.make_person(team=sales), people.make_person(team=sales)
    outsider, leader = people.make_person(team=support), people.make_person(roles=[Role.VIEWER])
    query = "sla_minutes=60&from=2026-11-01T00:00:00Z"
    for person, status in ((owner, 200), (teammate, 200), (outsider, 404), (leader, 200)):
        client = Client()
        client.force_login(person)
        page = client.get("/rules/speed/what-if/?sla_minutes=60&since=2026-11-01")
        assert page.status_code == status
        assert client.get("/rules/speed/calendar-check/?since=2026-11-01").status_code == status
        answer = client.get(f"/api/v1/handoff-rules/speed/what-if/?{query}")
        assert answer.status_code == status
        if status == 200:
            assert "it would have alerted 1 instead of 2" in page.content.decode()
            told = answer.json()
            assert (told["records"], told["after"]["alerted"], told["newly_hit"]) == (3, 1, 1)
            assert told["sentence"] in page.content.decode().replace("&#x27;", "'")


@db
def test_bad_terms_are_refused_at_their_field():
    make.make_rule("speed")
    client = Client()
    client.force_login(people.make_person(roles=[Role.OPS_LEAD]))
    for bad in (
        "sla_minutes=0",
        "sla_minutes=x",
        "calendar=none",
        "percents=1,2",
        "percents=a",
        "from=yesterday",
        "x=1",
    ):
        answer = client.get(f"/api/v1/handoff-rules/speed/what-if/?{bad}")
        assert answer.status_code == 400, bad
        assert json.loads(answer.content)["errors"][0]["field"] == bad.split("=")[0]
    for bad in ("sla_minutes=0", "calendar=none", "percent_0=250", "since=x"):
        assert client.get(f"/rules/speed/what-if/?{bad}").status_code == 400, bad
    assert Calendar.objects.filter(slug="24x7").exists()
