"""Is the portal itself all right: the database, the migrations, the age of each sweep. For probes, banner, watchdog."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from opsportal.sweeps import queries
from opsportal.sweeps.queries import SweepAge

MIGRATIONS_SEEN_SECONDS = 60.0
_migrations_seen_at = float("-inf")


@dataclass(frozen=True, slots=True)
class Degraded:
    """What the banner says: which sweeps are late or failing, and since when nothing has been enforced."""

    late: list[SweepAge]
    failing: list[SweepAge]

    @property
    def sentence(self) -> str:
        if any(age.age is None for age in self.late):
            return "The worker has not run yet: no timer is being enforced."
        if self.late:
            oldest = max(age.age for age in self.late if age.age is not None)
            return f"Timers are not being enforced on time: {_names(self.late)} last ran {in_words(oldest)} ago."
        return f"Part of the worker reports an error: {_names(self.failing)}."


def degraded(now: datetime) -> Degraded | None:
    """None when every sweep is fresh and none fails; one query."""
    ages = queries.sweep_ages(now)
    late = [age for age in ages if age.stale]
    failing = [age for age in ages if age.failing and not age.stale]
    return Degraded(late, failing) if late or failing else None


def in_words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"


def database_problem() -> str:
    """Why the database cannot serve, or nothing."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return "The database does not answer."
    return ""


def migrations_problem() -> str:
    """Whether migrations are missing. They do not come undone by themselves, so "none" is believed for a minute."""
    global _migrations_seen_at
    if time.monotonic() - _migrations_seen_at < MIGRATIONS_SEEN_SECONDS:
        return ""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError):
        return "The database does not answer."
    if missing:
        return f"{len(missing)} migrations are not applied."
    _migrations_seen_at = time.monotonic()
    return ""


def _names(ages: list[SweepAge]) -> str:
    return ", ".join(age.name for age in ages)
