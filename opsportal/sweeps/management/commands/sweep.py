"""`manage.py sweep`: everything that is due, in this process. The same code as the worker's tasks."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError
from django.utils.dateparse import parse_datetime

from opsportal import clock
from opsportal.sweeps import operations, registry
from opsportal.sweeps.models import SweepRun

ALL, SOME_REFUSED, UNUSABLE = 0, 1, 2
LONG = 5.0  # seconds; parts give themselves about eight


class Unusable(Exception):
    """The command cannot do anything with what it was given."""


class Command(BaseCommand):
    help = (
        "Do everything that is due now, without the queue; repeat until nothing is left. "
        "Exit code 0: all done, 1: some refused, 2: unusable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round only, even if it left something due")
        parser.add_argument("--only", metavar="NAMES", default="", help=f"of: {','.join(registry.NAMES)}")
        parser.add_argument("--at", metavar="TIME", default="", help="judge as of this instant (ISO 8601)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            names, unknown = self._names(options["only"])
            at = self._at(options["at"])
            failed = self._sweep(names, at=at, once=options["once"])
        except (DatabaseError, InterfaceError) as error:
            self.stderr.write(f"The database does not answer: {error}")
            raise SystemExit(UNUSABLE) from error
        except Unusable as error:
            self.stderr.write(str(error))
            raise SystemExit(UNUSABLE) from error
        if failed or unknown:
            raise SystemExit(UNUSABLE if len(failed) == len(names) else SOME_REFUSED)

    def _sweep(self, names: list[str], *, at: datetime | None, once: bool) -> set[str]:
        """Run the sweeps in order, again while one of them still finds work. Returns the names that failed."""
        failed: set[str] = set()
        waiting = names
        while waiting:
            runs = [operations.run_sweep(name, at=at, via=SweepRun.Via.COMMAND) for name in waiting]
            for run in runs:
                self._tell(run)
            failed |= {run.name for run in runs if run.error}
            # A part stops after its time is up; what follows it in the round has then more to do as well.
            unfinished = [
                place for place, run in enumerate(runs) if run.fired and _seconds(run) >= LONG and not run.error
            ]
            waiting = waiting[unfinished[0] :] if unfinished and not once else []
        return failed

    def _tell(self, run: SweepRun) -> None:
        self.stdout.write(f"{run.name}: examined {run.examined}, fired {run.fired}, {_seconds(run):.2f} s")
        if run.error:
            self.stderr.write(f"{run.name}: {run.error}")

    def _names(self, only: str) -> tuple[list[str], list[str]]:
        """The sweeps to run in their order, and the names nobody knows."""
        wanted = [name.strip() for name in only.split(",") if name.strip()]
        unknown = [name for name in wanted if name not in registry.NAMES]
        if unknown:
            self.stderr.write(f"Not the name of a sweep: {', '.join(unknown)}. Known: {', '.join(registry.NAMES)}.")
        if unknown and len(unknown) == len(wanted):
            raise Unusable("There is nothing to sweep.")
        registered = [sweep.name for sweep in registry.all_sweeps()]
        return [name for name in registered if not wanted or name in wanted], unknown

    def _at(self, text: str) -> datetime | None:
        if not text:
            return None
        at = _instant(text)
        if at is None:
            raise Unusable(f"Not an instant: {text}. Write it like 2026-03-01T09:00:00Z.")
        if at > clock.database_now() and not settings.TIME_TRAVEL:
            raise Unusable("That instant is later than the database's clock. OPSPORTAL_TIME_TRAVEL=1 allows it.")
        return at


def _seconds(run: SweepRun) -> float:
    return (run.finished_at - run.started_at).total_seconds()


def _instant(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
