"""Dispatchers killed with SIGKILL in the middle of their work, and several that race (TRUST.md I09, I10)."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from opsportal import clock
from runbooks.models import Attempt, Delivered, ReplayItem, ReplayTarget
from runbooks.queue import dispatch, lanes, operations
from tests.factories.identity import NOW, SETUP
from tests.factories.replay import let_go, make_target, states, store
from tests.receivers import Answer, HttpReceiver
from tests.runbooks.dying_dispatcher import POINTS

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


def environment(origin: str) -> dict[str, str]:
    """What a process of its own needs to work on this very test database."""
    import environ

    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}"
    if connection.vendor != "sqlite":
        configured = str(environ.Env().db("DATABASE_URL")["NAME"])
        before, _, after = os.environ["DATABASE_URL"].rpartition(f"/{configured}")
        url = f"{before}/{name}{after}"
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "opsportal.settings",
        "OPSPORTAL_OUTBOUND_ALLOW": origin,
        "SECRET_KEY": django_settings.SECRET_KEY,
    }


def start(point: str, at: datetime, origin: str, seconds: float = 8) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.runbooks.dying_dispatcher", point, at.isoformat(), str(seconds)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(origin), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def order_seen(receiver: HttpReceiver, target: ReplayTarget) -> dict[str, list[int]]:
    """The places of each key in the order in which they first came in."""
    places = {str(item.pk): (item.record_key, item.sequence) for item in ReplayItem.objects.filter(target=target)}
    seen: dict[str, list[int]] = {}
    for request in receiver.requests:
        key, place = places[request.headers["webhook-id"]]
        if place not in seen.setdefault(key, []):
            seen[key].append(place)
    return seen


CASES = [*((point, True) for point in POINTS), *((point, False) for point in ("after claim", "mid send", "after send"))]


@pytest.mark.parametrize(("point", "idempotent"), CASES)
def test_nothing_is_lost_or_doubled_wherever_the_dispatcher_dies(
    receiver: HttpReceiver, point: str, idempotent: bool
) -> None:
    receiver.always(Answer(200, delay=0.5 if point == "mid send" else 0))
    target = make_target(receiver.url, idempotent=idempotent)
    items = store(target, "a", "a", "b", "b", "c")
    let_go(items)
    process = start(point, NOW, receiver.origin)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (0 if point == "never" else -signal.SIGKILL), errors.decode()
    now = NOW
    for _ in range(8):
        now += timedelta(minutes=10)
        dispatch.drain(now, seconds=2)
    cut_off = [row for row in ReplayItem.objects.all() if row.state == "in_doubt"]
    if idempotent:
        assert cut_off == []
        assert set(states(target).values()) == {"delivered"}
    else:
        assert set(receiver.effects("webhook-id").values()) <= {1}, "what may have arrived was not sent again"
    for row in cut_off:
        arrived = receiver.effects("webhook-id")[str(row.pk)]
        said = {"reason": "asked the target", "actor": SETUP, "now": now}
        if arrived:
            operations.mark_delivered(row, **said)
        else:
            operations.resend_items([row], person=None, **said)
        dispatch.drain(now, seconds=2)
        now += timedelta(minutes=1)
    dispatch.drain(now, seconds=2)
    assert set(states(target).values()) == {"delivered"}
    assert set(receiver.effects("webhook-id")) == {str(item.pk) for item in items}
    assert all(order == sorted(order) for order in order_seen(receiver, target).values())
    assert Delivered.objects.count() == len(items)
    if point in ("after claim", "mid send", "after send", "inside record"):
        assert Attempt.objects.filter(finished_at=None).exists()


def test_dispatchers_that_race_send_everything_once_and_in_order(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    items = store(target, *[f"lead-{number % 9}" for number in range(180)])
    let_go(items)
    processes = [start("never", clock.database_now(), receiver.origin, 20) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert Counter(states(target).values()) == {"delivered": 180}
    assert set(receiver.effects("webhook-id").values()) == {1}
    assert all(order == list(range(1, 21)) for order in order_seen(receiver, target).values())
    assert Attempt.objects.count() == 180


@pytest.mark.slow
def test_kills_at_random_lose_nothing_and_keep_the_order(receiver: HttpReceiver) -> None:
    """Two dispatchers at a time, dead after a random moment, until all is delivered: the receiver acts once per id."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    chance = random.Random(seed)
    receiver.always(lambda _: Answer(200, delay=chance.random() / 20))
    target = make_target(receiver.url, idempotent=True, max_attempts=50)
    items = store(target, *[f"lead-{number % 20}" for number in range(400)])
    let_go(items, now=clock.database_now())
    now, kills = clock.database_now(), 0
    for _ in range(12):
        pair = [start(f"at random {chance.uniform(1.0, 3.0)}", now, receiver.origin) for _ in range(2)]
        for process in pair:
            process.communicate(timeout=60)
            kills += process.returncode == -signal.SIGKILL
        now += timedelta(minutes=5)
        if not ReplayItem.objects.filter(finished_at=None).exists():
            break
    for _ in range(20):
        dispatch.drain(now, seconds=8)
        now += timedelta(minutes=5)
        if not ReplayItem.objects.filter(finished_at=None).exists():
            break
    effects = receiver.effects("webhook-id")
    repeats = sum(effects.values()) - len(items)
    cut_off = Attempt.objects.filter(finished_at=None).count()
    print(f"seed {seed}: {kills} kills, 0 of {len(items)} lost, {repeats} raw repeats, {cut_off} attempts cut off")
    assert Counter(states(target).values()) == {"delivered": len(items)}
    assert set(effects) == {str(item.pk) for item in items}
    assert all(order == list(range(1, 21)) for order in order_seen(receiver, target).values())
    assert Delivered.objects.count() == len(items)
    assert lanes.stranded() == {}
    assert kills > 3
    assert repeats <= cut_off
