"""How old each sweep is, and whether the portal has just been blind. Reads only, and cheap ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from opsportal.sweeps import registry
from opsportal.sweeps.models import BlindSpell, Sweep, SweepRun, WorkHost

BLIND_AFTER = timedelta(minutes=10)
CATCH_UP = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class SweepAge:
    """`age` since the last run in which every part went well; None when there has been none."""

    name: str
    every: timedelta
    finished_at: datetime | None
    age: timedelta | None
    stale: bool
    failing: bool


def sweep_ages(now: datetime) -> list[SweepAge]:
    """The age of every registered sweep, by one query."""
    states = {state.name: state for state in Sweep.objects.all()}
    return [_age(sweep, states.get(sweep.name), now) for sweep in registry.all_sweeps()]


def stale_after(every: timedelta) -> timedelta:
    """A sweep is stale when three of its rounds were missed, but not before OPSPORTAL_SWEEP_STALE_SECONDS."""
    return max(timedelta(seconds=settings.SWEEP_STALE_SECONDS), 3 * every)


def get_blind_spell(now: datetime) -> BlindSpell | None:
    """The blind spell the portal is catching up from, for two minutes after it woke up; else None."""
    return BlindSpell.objects.filter(until__gt=now - CATCH_UP, until__lte=now).order_by("until").first()


def blind_since(now: datetime) -> datetime | None:
    """Since when the portal was blind, while it catches up; None in ordinary times."""
    spell = get_blind_spell(now)
    return spell.from_at if spell else None


def list_hosts(now: datetime) -> list[WorkHost]:
    """The hosts whose supervisor has been seen within the last five minutes."""
    return list(WorkHost.objects.filter(seen_at__gt=now - timedelta(minutes=5)))


def has_overdue_sweep(now: datetime, slack: timedelta) -> bool:
    """Whether some sweep has never been tried, or by nobody for its interval and `slack`."""
    attempts = dict(Sweep.objects.values_list("name", "attempted_at"))
    tried = ((sweep, attempts.get(sweep.name)) for sweep in registry.all_sweeps())
    return any(at is None or at < now - slack - sweep.every for sweep, at in tried)


def _age(sweep: registry.Registered, state: Sweep | None, now: datetime) -> SweepAge:
    finished_at = state.finished_at if state else None
    age = now - finished_at if finished_at else None
    stale = age is None or age > stale_after(sweep.every)
    failing = bool(state and state.failed_at and (finished_at is None or state.failed_at > finished_at))
    return SweepAge(sweep.name, sweep.every, finished_at, age, stale, failing)


def list_telling_runs(limit: int = 50) -> list[SweepRun]:
    """The newest runs that fired or failed; the thousands that found nothing tell nothing."""
    return list(SweepRun.objects.exclude(fired=0, error="")[:limit])


def list_blind_spells(limit: int = 10) -> list[BlindSpell]:
    return list(BlindSpell.objects.all()[:limit])
