"""A relay that kills itself with SIGKILL at a named point of its work, and otherwise drains the outbox once.

Run as a process of its own: `python -m tests.notify.dying_relay POINT INSTANT`. Nothing of this is in the product:
the points are laid around its functions from outside.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import django

POINTS = (
    "never",
    "before claim",
    "inside claim",
    "after claim",
    "mid send",
    "after send",
    "inside record",
    "after record",
)


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crowd(seed: int, now: datetime, *, wanted: int = 50) -> None:
    """Fork two relays at a time, each at work until a random moment it dies at; print how many died, in how many
    rounds.
    """
    from opsportal.notify import relay

    chance, kills, rounds = random.Random(seed), 0, 0
    while kills < wanted and rounds < 4 * wanted:
        rounds += 1
        children = [_fork(relay, chance.uniform(0.05, 1.5), now + rounds * timedelta(minutes=2)) for _ in range(2)]
        kills += sum(os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL for child in children)
    print(kills, rounds)


def _fork(relay: Any, seconds: float, now: datetime) -> int:
    child = os.fork()
    if child == 0:
        threading.Timer(seconds, die).start()
        while True:
            relay.drain(now)
    return child


def end_amid_a_round(now: datetime) -> None:
    """What a worker does whose time has come: its process ends in good order while the relay goes on beside it."""
    from opsportal.notify import relay

    relay.background.start(now)
    time.sleep(0.4)


def main(point: str, now: datetime) -> None:
    django.setup()
    if point.startswith("crowd "):
        return crowd(int(point.split()[1]), now)
    if point == "ends":
        return end_amid_a_round(now)
    from opsportal.notify import aftermath, claims, relay, senders

    def wrap(place: Any, name: str, *, before: bool = False, after: bool = False) -> None:
        original: Callable[..., Any] = getattr(place, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            if before:
                die()
            answer = original(*arguments, **named)
            if after and answer is not None and answer != []:
                die()
            return answer

        setattr(place, name, wrapped)

    if point == "before claim":
        wrap(claims, "claim", before=True)
    elif point == "inside claim":
        wrap(claims, "_lease", after=True)
    elif point == "after claim":
        wrap(claims, "claim", after=True)
    elif point == "mid send":
        post = senders.post

        def slow_death(parcel: Any) -> Any:
            threading.Timer(0.2, die).start()
            return post(parcel)

        senders.post = slow_death
    elif point == "after send":
        wrap(senders, "post", after=True)
    elif point == "inside record":
        original_move = claims._move

        def move(*arguments: Any) -> Any:
            original_move(*arguments)
            die()

        setattr(claims, "_move", move)  # noqa: B010
    elif point == "after record":
        record = aftermath.record

        def recorded(*arguments: Any) -> None:
            record(*arguments)
            die()

        setattr(aftermath, "record", recorded)  # noqa: B010
    print(relay.drain(now))
    return None


if __name__ == "__main__":
    main(sys.argv[1], datetime.fromisoformat(sys.argv[2]))
