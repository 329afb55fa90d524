"""A dispatcher that kills itself with SIGKILL at a named point of its work, and otherwise drains the queue once.

Run as a process of its own: `python -m tests.runbooks.dying_dispatcher POINT INSTANT SECONDS`. Nothing of this is in
the product: the points are laid around its functions from outside.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django

POINTS = ("never", "inside claim", "after claim", "mid send", "after send", "inside record", "after record")


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, now: datetime, seconds: float) -> None:
    django.setup()
    from django.db import transaction

    from runbooks.queue import claims, dispatch, lanes, recording, sending, statements

    def wrap(place: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(place, name)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            answer = original(*arguments, **named)
            if answer[0] if isinstance(answer, tuple) else answer:
                die()
            return answer

        setattr(place, name, wrapped)

    if point == "inside claim":
        # SQLite's steps, and PostgreSQL's one statement, before it is committed.
        wrap(claims, "_take")
        wrap(statements, "claim_on_postgres")
        setattr(claims, "claim", transaction.atomic(claims.claim))  # noqa: B010
    elif point == "after claim":
        wrap(claims, "claim")
    elif point == "mid send":
        post = sending.post

        def slow_death(*arguments: Any) -> Any:
            threading.Timer(0.2, die).start()
            return post(*arguments)

        setattr(sending, "post", slow_death)  # noqa: B010
    elif point == "after send":
        wrap(sending, "post")
    elif point == "inside record":
        setattr(lanes, "promote", die)  # noqa: B010
    elif point == "after record":
        wrap(recording, "record")
    elif point.startswith("at random "):
        threading.Timer(float(point.split()[-1]), die).start()
    print(dispatch.drain(now, seconds=seconds))


if __name__ == "__main__":
    main(sys.argv[1], datetime.fromisoformat(sys.argv[2]), float(sys.argv[3]))
