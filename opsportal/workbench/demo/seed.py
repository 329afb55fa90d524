"""`python -m opsportal.workbench.demo.seed`: fill an empty database with the company and its history.

Works on a file beside the real one, which takes its place when all is done: a demo is whole or not there.
"""

import gc
import os
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from opsportal.workbench.demo.home import Home

if TYPE_CHECKING:
    from opsportal.workbench.demo.cast import Cast

HISTORY = timedelta(days=42)
SEED = 7
DAYS_VARIABLE = "OPSPORTAL_DEMO_DAYS"


def main() -> None:
    import django

    django.setup()
    gc.disable()  # a short life with few cycles: a sixth of its time otherwise
    home = Home.from_environment()
    if home.database.exists():
        _bring_up_to_date(home)
    else:
        _build(home)


def _build(home: Home) -> None:
    """Everything in one file of its own; renamed once it holds all and is closed."""
    from django.conf import settings
    from django.db import connection, connections

    partial = home.database.with_suffix(".part")
    for leftover in home.folder.glob(f"{partial.name}*"):
        leftover.unlink()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = str(partial)
    access = fill()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connections.close_all()
    home.write_access({"url": settings.BASE_URL, **access})
    partial.rename(home.database)


def _bring_up_to_date(home: Home) -> None:
    """Migrate what is there; whoever lost the access file gets new passwords and a new token."""
    from django.conf import settings
    from django.core.management import call_command

    from opsportal import clock
    from opsportal.workbench.demo import cast, failures, guides

    call_command("migrate", verbosity=0)
    access = home.read_access()
    if not {"logins", "token"} <= access.keys():
        access = cast.grant_access(cast.reassemble(), now=clock.now())
    failures.move(receiver_port(), now=clock.now())
    guides.move(receiver_port(), now=clock.now())
    home.write_access({**access, "url": settings.BASE_URL})


def fill() -> dict[str, object]:
    """Migrate and live through the history; answers logins and token."""
    from django.core.management import call_command

    from opsportal import clock
    from opsportal.workbench.demo import cast, company
    from opsportal.workbench.demo.failures import Failures
    from opsportal.workbench.demo.guides import Guides
    from opsportal.workbench.demo.history import History
    from opsportal.workbench.demo.promises import Services
    from opsportal.workbench.demo.receiver import Receiver
    from opsportal.workbench.demo.upkeep import Upkeep

    began, now = time.monotonic(), clock.now()
    say("Preparing the tables.")
    call_command("migrate", verbosity=0)
    start = _start_of_history(now)
    people = cast.assemble(now=start - timedelta(days=2))
    firm = company.found(people, now=start - timedelta(days=1))
    cast.note_absences(people, now=now)
    history = History(people, firm, start=start, end=now, seed=SEED)
    Services(people, start=start, end=now, seed=SEED).plan(history.at)
    Upkeep(people, start=start, end=now).plan(history.at)
    port = receiver_port()
    Guides(people, start=start, end=now, port=port).plan(history.at)
    Failures(people, start=start, end=now, seed=SEED, port=port).plan(history.at)
    say("Living through six weeks.")
    with Receiver(port):
        events = history.live()
    _read_old_messages(now)
    _propose_a_timer(people, now)
    access = cast.grant_access(people, now=clock.now())
    say(f"{events} things happened; it took {time.monotonic() - began:.0f} s.")
    return access


def receiver_port() -> int:
    from opsportal.workbench.demo.receiver import PORT_VARIABLE

    return int(os.environ[PORT_VARIABLE])


def _start_of_history(now: datetime) -> datetime:
    days = os.environ.get(DAYS_VARIABLE, "")
    return now - (timedelta(days=float(days)) if days else HISTORY)


def _read_old_messages(now: datetime) -> None:
    """Whoever was told something more than a day ago has read it."""
    from opsportal.notify.models import Message

    Message.objects.filter(created_at__lt=now - timedelta(days=1), read_at=None).update(read_at=now - timedelta(days=1))


def _propose_a_timer(people: "Cast", now: datetime) -> None:
    """Something for the ops lead to decide: a follow-up that is asked to have twice its time."""
    from handoffs.approvals import propose_sla
    from handoffs.models import Handoff
    from opsportal.workbench.demo.company import FOLLOW_UP

    in_time = Handoff.objects.running().filter(rule__slug=FOLLOW_UP, due_at__gt=now)
    if (latest := in_time.order_by("-due_at").first()) is not None:
        reason = "Their board meets on Thursday; they asked for the summary after it."
        propose_sla(
            latest, sla_minutes=2 * latest.sla_minutes, requested_by=people.people["priya"], now=now, reason=reason
        )


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
