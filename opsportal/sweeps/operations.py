"""Running sweeps: claim the round, run the parts, keep one failing part from the others, write the row."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import close_old_connections, connection, transaction

from opsportal import clock, trace
from opsportal.sweeps import registry
from opsportal.sweeps.models import BlindSpell, Sweep, SweepRun
from opsportal.sweeps.queries import BLIND_AFTER
from opsportal.sweeps.registry import Registered, SweepResult

TICK = "tick"  # a state row that no part is registered under: which tick loops, and since when

log = logging.getLogger("opsportal.sweeps")


def run_sweep(name: str, *, at: datetime | None = None, via: str = "command") -> SweepRun:
    """Run every part of one sweep now (or as of `at`), and record the run. Never raises for a part that fails.

    `now` comes from the database, so a host whose clock is wrong decides nothing.
    """
    sweep = registry.get(name) or Registered(name, timedelta(0))
    started_at = clock.database_now()
    began = time.monotonic()
    if at is None:
        note_blind_spell(started_at)
    with trace.scope(source="command" if via == SweepRun.Via.COMMAND else "task"):
        result, error = _run_parts(sweep, at or started_at)
    finished_at = started_at + timedelta(seconds=time.monotonic() - began)
    run = SweepRun(
        name=name,
        at=at or started_at,
        started_at=started_at,
        finished_at=finished_at,
        range_from=result.range_from,
        range_until=result.range_until,
        examined=result.examined,
        fired=result.fired,
        via=via,
        host=socket.gethostname(),
        pid=os.getpid(),
        error=error[:500],
    )
    _save(run)
    return run


def run_due(
    *, via: str, only: Iterable[str] | None = None, unless: Callable[[], bool] = lambda: False
) -> list[SweepRun]:
    """Run each sweep whose interval has passed and whose round nobody else has claimed; `unless` ends it early."""
    chosen = set(only) if only is not None else None
    now = clock.database_now()
    states = {state.name: state.attempted_at for state in Sweep.objects.all()}
    runs = []
    for sweep in registry.all_sweeps():
        if chosen is not None and sweep.name not in chosen:
            continue
        seen = states.get(sweep.name)
        if seen is not None and now - seen < sweep.every:
            continue
        if unless():
            break
        if _claim(sweep.name, seen, now):
            runs.append(run_sweep(sweep.name, via=via))
    return runs


def note_blind_spell(now: datetime) -> None:
    """Record a blind spell when no sweep at all has ended for ten minutes. The first run ever has nothing before it."""
    last = (
        Sweep.objects.exclude(finished_at=None).order_by("-finished_at").values_list("finished_at", flat=True).first()
    )
    if last is not None and now - last > BLIND_AFTER:
        BlindSpell.objects.bulk_create([BlindSpell(from_at=last, until=now)], ignore_conflicts=True)


def take_over(holder: str, *, now: datetime) -> None:
    """Become the tick that loops; the one before sees it and ends."""
    Sweep.objects.update_or_create(name=TICK, defaults={"holder": holder, "attempted_at": now})


def holds(holder: str) -> bool:
    return Sweep.objects.filter(name=TICK, holder=holder).exists()


def tick_is_silent(now: datetime, after: timedelta) -> bool:
    """Whether no tick has begun for `after`: the schedule does not fire."""
    return not Sweep.objects.filter(name=TICK, attempted_at__gt=now - after).exists()


def _claim(name: str, seen: datetime | None, now: datetime) -> bool:
    """Compare-and-swap on the last attempt: of several sweepers one runs the round. A dead claimant costs one round."""
    if seen is None:
        _, created = Sweep.objects.get_or_create(name=name, defaults={"attempted_at": now})
        return created
    return Sweep.objects.filter(name=name, attempted_at=seen).update(attempted_at=now) == 1


def _run_parts(sweep: Registered, now: datetime) -> tuple[SweepResult, str]:
    result, errors = SweepResult(), []
    for part in sweep.parts:
        try:
            result += part(now)
        except Exception as error:
            # One room's mistake must not stop the timers of the others.
            log.exception("A part of the sweep %s failed: %s", sweep.name, _name_of(part))
            errors.append(f"{_name_of(part)}: {type(error).__name__}: {error}")
            if not connection.in_atomic_block:
                close_old_connections()
    return result, "; ".join(errors)


def _name_of(part: registry.Part) -> str:
    return f"{part.__module__}.{getattr(part, '__qualname__', part)}"


@transaction.atomic
def _save(run: SweepRun) -> None:
    run.save(force_insert=True)
    values: dict[str, object] = {"attempted_at": run.started_at}
    if run.error:
        values |= {"failed_at": run.finished_at, "error": run.error}
    else:
        values |= {"finished_at": run.finished_at, "error": ""}
    Sweep.objects.update_or_create(name=run.name, defaults=values)
