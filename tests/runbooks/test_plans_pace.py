"""A plan that is slower than its target, as the receiver sees it: whatever several dispatchers have in hand at once."""

import bisect
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from opsportal import clock
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.plans import operations, sweep
from runbooks.queue import claims, dispatch
from tests.factories.identity import NOW, SETUP
from tests.factories.plans import make_frozen, start
from tests.factories.replay import let_go, make_target, store
from tests.receivers import DROP, Answer, HttpReceiver, Received

pytestmark = pytest.mark.django_db(transaction=True)
PER_SECOND = 5


def test_a_slow_plan_stays_slow_whatever_has_heaped_up(receiver: HttpReceiver) -> None:
    """What waited for a sweep, for its record's head, or to be tried again: none of it comes at the target's rate."""
    arrivals: list[float] = []
    troubles = [DROP, Answer(503), Answer(200, delay=0.5)]

    def take(_: Received) -> Answer:
        arrivals.append(time.monotonic())
        return troubles.pop() if troubles else Answer(200)

    receiver.always(take)
    target = make_target(receiver.url, rate_per_minute=6000, idempotent=True)
    store(target, *[f"lead-{number % 9}" for number in range(36)])
    now = clock.database_now()
    plan = start(make_frozen(target, rate_per_minute=PER_SECOND * 60), now=now - timedelta(seconds=5))
    sweep.advance(now)
    heaped = plan.items.filter(let_go_at__isnull=False).count()
    assert heaped > 4 * PER_SECOND
    dispatchers = [threading.Thread(target=_drain, args=(120,)) for _ in range(3)]
    for one in dispatchers:
        one.start()
    for one in dispatchers:
        one.join()
    assert len(arrivals) == heaped + 2
    assert most_within_a_second(arrivals) <= PER_SECOND + 1


def most_within_a_second(arrivals: list[float]) -> int:
    instants = sorted(arrivals)
    return max(bisect.bisect_left(instants, at + 1) - index for index, at in enumerate(instants))


def _drain(seconds: float) -> None:
    """One round after the other until all that was let go has arrived: between two there may be nothing due."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and ReplayItem.objects.filter(state__in=["pending", "failed", "leased"]).exists():
        dispatch.drain(clock.database_now(), seconds=1)
        time.sleep(0.1)
    connection.close()


def test_a_target_has_its_own_rate_again_when_the_slow_plan_rests(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, rate_per_minute=600)
    (by_hand, *_) = store(target, "a", "b", "c", "d")
    plans = [make_frozen(target, selection={"record_key": key}, rate_per_minute=60) for key in "bc"]
    slow, slower = (start(plan) for plan in plans)
    type(slower).objects.filter(pk=slower.pk).update(rate_per_minute=30)
    let_go([by_hand])
    assert pace() == 30
    operations.pause_plan(slower, reason="looked at", actor=SETUP, now=NOW)
    assert pace() == 60
    operations.cancel_plan(slow, reason="enough", actor=SETUP, now=NOW)
    assert pace() == 600
    assert ReplayTarget.objects.get().pace == 600


def pace() -> int:
    (target,) = claims.due_targets(NOW)
    return target.pace
