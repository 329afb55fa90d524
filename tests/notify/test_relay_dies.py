"""Relays killed with SIGKILL at every point of their work, and relays that race (TRUST.md I04, I05)."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from opsportal.notify import relay
from opsportal.notify.claims import LEASE
from opsportal.notify.models import Attempt, Delivery
from tests.factories.identity import NOW, make_person
from tests.factories.notify import make_subscription, publish, states, tell
from tests.notify.dying_relay import POINTS
from tests.receivers import Answer, HttpReceiver, play_slack

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


def environment(*origins: str, **more: str) -> dict[str, str]:
    """What a process of its own needs to work on this very test database."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        before, _, after = os.environ["DATABASE_URL"].rpartition(f"/{database_name()}")
        url = f"{before}/{database['NAME']}{after}"
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "opsportal.settings",
        "OPSPORTAL_OUTBOUND_ALLOW": ",".join(origins),
        "SECRET_KEY": django_settings.SECRET_KEY,
        **more,
    }


def database_name() -> str:
    import environ

    return str(environ.Env().db("DATABASE_URL")["NAME"])


def start(point: str, at: Any, **variables: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.notify.dying_relay", point, at.isoformat()]
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def drain_in_a_process(point: str, at: Any, variables: dict[str, str]) -> int:
    process = start(point, at, **variables)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), errors.decode()
    return process.returncode


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_wherever_the_relay_dies_and_repeats_carry_their_key(
    receiver: HttpReceiver, slack: HttpReceiver, point: str
) -> None:
    receiver.always(Answer(200, delay=0.5 if point == "mid send" else 0))
    slack.always(lambda request: play_slack()(request))
    make_subscription(receiver.url)
    keys = {publish() for _ in range(3)}
    person = make_person(slack_id="U1", email="")
    told = {f"{tell(person)}:slack" for _ in range(2)}
    variables = environment(
        receiver.origin, slack.origin, SLACK_API_URL=f"{slack.url}api/", SLACK_BOT_TOKEN="xoxb-for-tests-only"
    )
    code = drain_in_a_process(point, NOW, variables)
    assert code == (0 if point == "never" else -signal.SIGKILL)
    now = NOW
    for _ in range(6):
        now += LEASE + timedelta(seconds=1)
        relay.drain(now)
    assert set(states().values()) == {"delivered"}
    assert set(receiver.effects("webhook-id")) == keys
    assert set(slack.effects()) == told
    repeats = {key: count for key, count in receiver.effects("webhook-id").items() if count > 1}
    repeats |= {key: count for key, count in slack.effects().items() if count > 1}
    if point in ("never", "before claim", "inside claim", "after claim"):
        assert not repeats
    for row in Delivery.objects.all():
        assert row.log.filter(outcome="delivered").count() == 1
    if point in ("after claim", "mid send", "after send", "inside record"):
        assert Attempt.objects.filter(finished_at=None).exists()


def test_two_relays_that_race_send_everything_once(receiver: HttpReceiver, slack: HttpReceiver) -> None:
    for _ in range(4):
        make_subscription(receiver.url)
    people = [make_person(slack_id=f"U{number}", email="") for number in range(5)]
    for number in range(40):
        publish()
        tell(people[number % 5])
    variables = environment(
        receiver.origin, slack.origin, SLACK_API_URL=f"{slack.url}api/", SLACK_BOT_TOKEN="xoxb-for-tests-only"
    )
    relays = [start("never", NOW, **variables) for _ in range(3)]
    for process in relays:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    relay.drain(NOW)
    assert Counter(states().values()) == {"delivered": 200}
    assert len(receiver.requests) == 160
    assert set(receiver.effects("webhook-id").values()) == {4}
    assert set(slack.effects().values()) == {1}
    assert Attempt.objects.count() == 200


def test_threads_of_one_process_do_not_send_twice_either(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    keys = {publish() for _ in range(40)}

    def work() -> None:
        relay.drain(NOW)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relay.drain(NOW)
    assert receiver.effects("webhook-id") == dict.fromkeys(keys, 1)


def test_a_worker_that_ends_hands_over_what_its_relay_had_claimed(receiver: HttpReceiver) -> None:
    """A worker is renewed after so many tasks: what it cannot send any more waits for no lease to end."""
    receiver.always(Answer(200, delay=0.1))
    make_subscription(receiver.url)
    keys = {publish() for _ in range(60)}
    process = start("ends", NOW, **environment(receiver.origin))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors.decode()
    assert set(states().values()) == {"delivered", "pending"}
    relay.drain(NOW + timedelta(minutes=1))
    assert receiver.effects("webhook-id") == dict.fromkeys(keys, 1)


@pytest.mark.slow
def test_fifty_kills_at_random_lose_nothing(receiver: HttpReceiver, slack: HttpReceiver) -> None:
    """Two relays at a time, each dead after a random moment, until fifty have been killed; work never runs out."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    chance = random.Random(seed)
    receiver.always(lambda _: Answer(200, delay=chance.random() / 10))
    people = [make_person(slack_id=f"U{number}", email="") for number in range(10)]
    make_subscription(receiver.url)
    keys, told = set[str](), set[str]()

    def feed() -> None:
        keys.update(publish() for _ in range(100))
        told.update(f"{tell(person)}:slack" for person in people for _ in range(2))

    feed()
    variables = environment(
        receiver.origin, slack.origin, SLACK_API_URL=f"{slack.url}api/", SLACK_BOT_TOKEN="xoxb-for-tests-only"
    )
    process = start(f"crowd {seed}", NOW, **variables)
    while process.poll() is None:
        if Delivery.objects.filter(finished_at=None).count() < 200:
            feed()
        time.sleep(0.1)
    output, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    kills, rounds = (int(number) for number in output.split())
    sent_before_the_end = len(receiver.requests)
    now = NOW + (rounds + 1) * timedelta(minutes=2)
    while Delivery.objects.filter(finished_at=None).exists():
        relay.drain(now)
        now += timedelta(minutes=2)
    count = len(keys) + len(told)
    assert Counter(states().values()) == {"delivered": count}
    assert set(receiver.effects("webhook-id")) == keys
    assert set(slack.effects()) == told
    repeats = sum(receiver.effects("webhook-id").values()) + sum(slack.effects().values()) - count
    unfinished = Attempt.objects.filter(finished_at=None).count()
    print(f"seed {seed}: {kills} kills, 0 of {count} lost, {repeats} raw repeats, {unfinished} attempts without an end")
    assert kills == 50
    assert sent_before_the_end > 20
    assert unfinished > 0, "somebody was killed at work"
    assert repeats <= unfinished
