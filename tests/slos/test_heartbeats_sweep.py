"""The sweep of heartbeats: to the second, once, told upwards as outages; the portal's own blind time; races."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from opsportal.sweeps.models import BlindSpell
from slos.heartbeats import operations, sweep
from slos.heartbeats.sweep import prune_pings, sweep_heartbeats
from slos.models import Fact, Flip, Heartbeat, HeartbeatRun, Ping
from tests.factories.catalog import make_automation
from tests.factories.heartbeats import make_heartbeat, ping
from tests.factories.identity import NOW, SETUP

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DUE, DOWN = NOW + HOUR, NOW + HOUR + 10 * MINUTE


def make_up(**values: Any) -> Heartbeat:
    """Pinged at NOW: due an hour later, down ten minutes after that."""
    heartbeat = make_heartbeat(**values)
    ping(heartbeat, NOW)
    sweep_heartbeats(NOW)
    return heartbeat


def reread(heartbeat: Heartbeat) -> Heartbeat:
    return Heartbeat.objects.get(pk=heartbeat.pk)


def changes(heartbeat: Heartbeat) -> list[tuple[str, str, str]]:
    rows = Flip.objects.filter(heartbeat=heartbeat).order_by("id")
    return [(row.from_status, row.to_status, row.reason) for row in rows]


# --- silence ---


def test_it_goes_down_at_due_plus_grace_and_not_a_second_before() -> None:
    heartbeat = make_up(automation=make_automation("deal-sync"))

    sweep_heartbeats(DOWN - SECOND)
    assert reread(heartbeat).status == "up"
    sweep_heartbeats(DOWN)

    assert reread(heartbeat).status == "down"
    flip = Flip.objects.get(to_status="down")
    assert (flip.at, flip.since, flip.reason) == (DOWN, DUE, "missed")
    fact = Fact.objects.get()
    assert (fact.kind, fact.occurred_at, fact.ended_at) == ("heartbeat_down", DUE, None)
    assert fact.automation is not None
    assert (fact.automation.slug, fact.data["cause"]) == ("deal-sync", "missed")
    assert fact.sentence == f"{heartbeat.name} gave no sign of life: it was due at 2026-11-03 10:00:00 UTC."


@pytest.mark.parametrize("rid", [None, uuid4()])
def test_the_late_end_of_a_run_that_overran_still_tells_how_long_it_took(rid: UUID | None) -> None:
    heartbeat = make_up(max_runtime_seconds=300, timeout_seconds=86_400)
    ping(heartbeat, NOW + MINUTE, "start", rid=rid)
    ping(heartbeat, NOW + 2 * MINUTE, "start", rid=uuid4())
    sweep_heartbeats(NOW + 6 * MINUTE)
    assert reread(heartbeat).status == "down"

    ping(heartbeat, NOW + 11 * MINUTE, rid=rid)
    assert (reread(heartbeat).status, reread(heartbeat).last_duration_ms) == ("up", 600_000)
    ping(heartbeat, NOW + 12 * MINUTE, "fail", rid=rid)
    ping(heartbeat, NOW + 13 * MINUTE, rid=rid)
    assert reread(heartbeat).last_duration_ms is None  # what ended that run is the end of it


def test_a_late_sweep_says_when_it_really_went_down() -> None:
    heartbeat = make_up()

    sweep_heartbeats(DOWN + HOUR)

    assert Flip.objects.get(heartbeat=heartbeat, to_status="down").at == DOWN


def test_an_outage_is_told_once_and_ended_by_the_next_ping_with_what_was_missed() -> None:
    heartbeat = make_up()
    for minute in range(3):
        sweep_heartbeats(DOWN + minute * MINUTE)
    back = NOW + 5 * HOUR

    ping(heartbeat, back)
    sweep_heartbeats(back + 5 * SECOND)

    fact = Fact.objects.get()
    assert (fact.ended_at, fact.data["missed"]) == (back, 4)
    assert reread(heartbeat).missed_count == 4
    assert changes(heartbeat) == [("new", "up", "ping"), ("up", "down", "missed"), ("down", "up", "ping")]


def test_a_failure_is_an_outage_from_its_instant_to_the_next_success() -> None:
    heartbeat = make_up()
    ping(heartbeat, NOW + MINUTE, "fail")
    ping(heartbeat, NOW + 2 * MINUTE, "fail")
    sweep_heartbeats(NOW + 2 * MINUTE)
    ping(heartbeat, NOW + 3 * MINUTE)
    sweep_heartbeats(NOW + 3 * MINUTE)

    fact = Fact.objects.get()
    assert (fact.occurred_at, fact.ended_at, fact.data["missed"]) == (NOW + MINUTE, NOW + 3 * MINUTE, 0)


def test_an_outage_that_came_and_went_between_two_sweeps_is_told_too() -> None:
    heartbeat = make_up()
    ping(heartbeat, NOW + MINUTE, "fail")
    ping(heartbeat, NOW + 2 * MINUTE)
    ping(heartbeat, NOW + 3 * MINUTE, "fail")

    sweep_heartbeats(NOW + 4 * MINUTE)

    spans = list(Fact.objects.order_by("occurred_at").values_list("occurred_at", "ended_at"))
    assert spans == [(NOW + MINUTE, NOW + 2 * MINUTE), (NOW + 3 * MINUTE, None)]


def test_a_pause_ends_an_outage_and_nothing_is_expected_any_more() -> None:
    heartbeat = make_up()
    sweep_heartbeats(DOWN)

    operations.pause_heartbeat(heartbeat, actor=SETUP, now=DOWN + MINUTE)
    sweep_heartbeats(DOWN + 9 * HOUR)

    assert Fact.objects.get().ended_at == DOWN + MINUTE
    assert reread(heartbeat).status == "paused"


# --- runs ---


def test_every_run_has_a_deadline_of_its_own() -> None:
    heartbeat = make_up(max_runtime_seconds=300, timeout_seconds=86_400)
    early, late = uuid4(), uuid4()
    ping(heartbeat, NOW + MINUTE, "start", rid=early)
    ping(heartbeat, NOW + 3 * MINUTE, "start", rid=late)
    ping(heartbeat, NOW + 4 * MINUTE, rid=late)

    sweep_heartbeats(NOW + 6 * MINUTE - SECOND)
    assert reread(heartbeat).status == "up"
    sweep_heartbeats(NOW + 6 * MINUTE)

    fact = Fact.objects.get()
    assert (fact.occurred_at, fact.data["cause"]) == (NOW + 6 * MINUTE, "overrun")
    assert fact.sentence == f"A run of {heartbeat.name} has not ended within 5 min."
    assert not HeartbeatRun.objects.exists()


def test_overlapping_runs_that_end_in_time_are_quiet_and_keep_their_durations() -> None:
    heartbeat = make_up(max_runtime_seconds=300, timeout_seconds=86_400)
    first, second = uuid4(), uuid4()
    for at, action, rid in ((1, "start", first), (2, "start", second), (5, "success", first), (6, "success", second)):
        ping(heartbeat, NOW + at * MINUTE, action, rid=rid)

    sweep_heartbeats(NOW + HOUR)

    assert not Fact.objects.exists()
    ended = Ping.objects.exclude(duration_ms=None).order_by("n")
    assert [(row.rid, row.duration_ms) for row in ended] == [(first, 240_000), (second, 240_000)]


def test_an_end_without_a_run_id_ends_what_runs() -> None:
    heartbeat = make_up()
    ping(heartbeat, NOW + MINUTE, "start", rid=uuid4())
    ping(heartbeat, NOW + 2 * MINUTE)

    sweep_heartbeats(NOW + HOUR)

    assert reread(heartbeat).status == "up"


def test_what_does_not_start_in_time_is_down_at_the_start_deadline() -> None:
    heartbeat = make_up(start_deadline_seconds=60, max_runtime_seconds=1800)

    sweep_heartbeats(DUE + 59 * SECOND)
    assert reread(heartbeat).status == "up"
    sweep_heartbeats(DUE + 60 * SECOND)

    assert Fact.objects.get().data["cause"] == "not_started"


def test_an_empty_run_is_an_outage_until_one_with_output() -> None:
    heartbeat = make_up(min_items=5)
    ping(heartbeat, NOW + MINUTE, items=5)
    ping(heartbeat, NOW + 2 * MINUTE, items=4)
    sweep_heartbeats(NOW + 2 * MINUTE)
    ping(heartbeat, NOW + 3 * MINUTE, items=50)
    sweep_heartbeats(NOW + 3 * MINUTE)

    told = [(fact.occurred_at, fact.ended_at, fact.data["cause"]) for fact in Fact.objects.order_by("id")]
    assert told == [(NOW + 2 * MINUTE, NOW + 3 * MINUTE, "empty")]


def test_a_runaway_is_told_once_and_ends_when_the_hour_is_over() -> None:
    heartbeat = make_heartbeat(max_pings_per_hour=3)
    for second in range(6):
        ping(heartbeat, NOW + second * SECOND)
        sweep_heartbeats(NOW + second * SECOND)
    sweep_heartbeats(NOW + HOUR)

    fact = Fact.objects.get(kind="runaway_loop")
    assert (fact.occurred_at, fact.ended_at) == (NOW + 3 * SECOND, NOW + HOUR)
    assert reread(heartbeat).runaway_since is None


# --- the portal's own blind time ---


def test_what_fell_due_while_nobody_looked_is_unknown_and_gets_the_blind_time() -> None:
    heartbeat, woke = make_up(), NOW + 3 * HOUR
    BlindSpell.objects.create(from_at=NOW + 30 * MINUTE, until=woke)

    for moment in (woke, woke + SECOND, woke + MINUTE):
        sweep_heartbeats(moment)

    known = reread(heartbeat)
    assert (known.status, known.unknown_since) == ("unknown", NOW + 30 * MINUTE)
    assert known.down_at == DOWN + timedelta(hours=2, minutes=30)
    assert not Fact.objects.exists()

    sweep_heartbeats(known.down_at - SECOND)
    assert reread(heartbeat).status == "unknown"
    sweep_heartbeats(known.down_at)
    assert reread(heartbeat).status == "down"
    assert Fact.objects.get().occurred_at == DUE


def test_a_ping_after_the_blind_time_makes_the_unknown_known() -> None:
    heartbeat, woke = make_up(), NOW + 3 * HOUR
    BlindSpell.objects.create(from_at=NOW + 30 * MINUTE, until=woke)
    sweep_heartbeats(woke)

    ping(heartbeat, woke + MINUTE)
    sweep_heartbeats(woke + 2 * MINUTE)

    known = reread(heartbeat)
    assert (known.status, known.unknown_since) == ("up", None)
    assert changes(heartbeat)[1:] == [("up", "unknown", "blind"), ("unknown", "up", "ping")]
    assert not Fact.objects.exists()


def test_what_was_down_before_or_is_due_later_is_not_touched() -> None:
    slow, dead = make_up(timeout_seconds=86_400), make_up(timeout_seconds=60, grace_seconds=60)
    sweep_heartbeats(NOW + 2 * MINUTE)
    BlindSpell.objects.create(from_at=NOW + 30 * MINUTE, until=NOW + 3 * HOUR)

    sweep_heartbeats(NOW + 3 * HOUR)

    assert reread(slow).status == "up"
    assert reread(dead).status == "down"


def test_a_run_whose_deadline_passed_unseen_gets_the_blind_time_too() -> None:
    heartbeat = make_up(timeout_seconds=86_400, max_runtime_seconds=3600)
    ping(heartbeat, NOW, "start")
    BlindSpell.objects.create(from_at=NOW + 30 * MINUTE, until=NOW + 90 * MINUTE)

    sweep_heartbeats(NOW + 90 * MINUTE)
    assert HeartbeatRun.objects.get().deadline_at == NOW + 120 * MINUTE
    sweep_heartbeats(NOW + 120 * MINUTE)

    assert reread(heartbeat).status == "down"


# --- what is kept ---


def test_the_last_pings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "PINGS_KEPT", 3)
    heartbeat = make_heartbeat()
    for second in range(8):
        ping(heartbeat, NOW + second * SECOND)

    prune_pings(NOW)

    assert list(Ping.objects.order_by("n").values_list("n", flat=True)) == [6, 7, 8]


# --- races (TRUST.md I20) ---


@pytest.mark.django_db(transaction=True)
def test_pings_that_race_the_sweep_never_leave_a_false_down() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("not run: SQLite has one writer")
    heartbeats = [make_up() for _ in range(40)]
    barrier = threading.Barrier(3)

    def act(work: Any) -> None:
        barrier.wait()
        try:
            work()
        finally:
            connection.close()

    def send() -> None:
        for heartbeat in heartbeats:
            ping(heartbeat, DOWN)

    def look() -> None:
        for _ in range(5):
            sweep_heartbeats(DOWN)

    threads = [threading.Thread(target=act, args=(work,)) for work in (send, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep_heartbeats(DOWN + 10 * SECOND)

    assert set(Heartbeat.objects.values_list("status", flat=True)) == {"up"}
    assert not Fact.objects.filter(ended_at=None).exists()
    told = list(Fact.objects.values_list("heartbeat", flat=True))
    assert len(told) == len(set(told))
    assert set(Ping.objects.values_list("n", flat=True)) == {1, 2}


@pytest.mark.django_db(transaction=True)
def test_many_pings_at_once_are_all_counted_in_their_order() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("not run: SQLite has one writer")
    heartbeat, rids = make_heartbeat(), [uuid4() for _ in range(6)]

    def send(rid: Any) -> None:
        for number in range(10):
            ping(heartbeat, NOW + number * SECOND, "start", rid=rid)
            ping(heartbeat, NOW + number * SECOND, "success", rid=rid)
        connection.close()

    threads = [threading.Thread(target=send, args=(rid,)) for rid in rids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(Ping.objects.values_list("n", flat=True)) == list(range(1, 121))
    assert reread(heartbeat).ping_count == 120
    assert not HeartbeatRun.objects.exists()
    assert Flip.objects.count() == 1
