"""Writing runs: one report or thousands take the same way, one transaction for all of them; queues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import DeadlockDetected

from opsportal.api.lines import Recorded
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, InvalidInput
from slos.models import QueueGauge
from slos.runs import engine, runlog
from slos.runs.engine import NewRun
from slos.runs.runlog import Key, Row

SKEW = timedelta(seconds=300)  # how far a sender's clock may be ahead
TRIES = 3

UNKNOWN = Recorded("invalid", None, "unknown_automation", "automation")
TOO_OLD = Recorded("invalid", None, "too_old", "finished_at")
FUTURE = {name: Recorded("invalid", None, "in_the_future", name) for name in ("started_at", "finished_at")}


def record_run(*, new: NewRun, among: QuerySet[Automation], now: datetime) -> Recorded:
    """Take one report. Raises InvalidInput `unknown_automation`, `in_the_future`, `too_old`; Conflict `run_id_conflict`
    when this run ended otherwise before.
    """
    (recorded,) = record_runs([new], among=among, now=now)
    if recorded is UNKNOWN:
        text = f"There is no automation “{new.automation}”."
        raise InvalidInput("unknown_automation", text, field="automation")
    if recorded is TOO_OLD:
        raise InvalidInput("too_old", "Runs of that time are added up and deleted.", field="finished_at")
    if recorded.status == "invalid":
        raise InvalidInput("in_the_future", "This lies in the future.", field=recorded.field or "")
    if recorded.status == "conflict":
        raise Conflict("run_id_conflict", f"The run “{new.run_id}” has already ended otherwise.", field="run_id")
    return recorded


def record_runs(reports: Sequence[NewRun], *, among: QuerySet[Automation], now: datetime) -> list[Recorded]:
    """Take reports about runs of the automations `among`; one answer for each, in order. Nothing is raised for a
    single one. The minutes in which something ended are noted for the rollups in the same transaction.
    """
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _record(reports, among, now)
        except OperationalError as error:
            # Senders of the same runs in several orders: PostgreSQL sends one back, who then finds the other's rows.
            if not left or connection.in_atomic_block or not isinstance(error.__cause__, DeadlockDetected):
                raise
    raise AssertionError  # never reached


@dataclass(slots=True)
class _Settling:
    """What a chunk comes to."""

    now: datetime
    answers: list[Recorded]
    ended: list[tuple[int, datetime]] = field(default_factory=list)


def _record(reports: Sequence[NewRun], among: QuerySet[Automation], now: datetime) -> list[Recorded]:
    slugs = {one.automation for one in reports}
    rows = among.filter(slug__in=slugs).values_list("slug", "pk", "run_horizon__until")
    known = {slug: (pk, closed_until) for slug, pk, closed_until in rows}
    latest = now + SKEW
    settling = _Settling(now, [UNKNOWN] * len(reports))
    by_run: dict[Key, list[int]] = {}  # places of its reports, in order
    for place, new in enumerate(reports):
        if new.automation not in known:
            continue
        automation, closed_until = known[new.automation]
        if refused := _out_of_time(new, closed_until, latest):
            settling.answers[place] = refused
        else:
            by_run.setdefault((automation, new.run_id), []).append(place)
    if by_run:
        _settle(reports, by_run, settling)
        runlog.mark_dirty(settling.ended)
    return settling.answers


def _out_of_time(new: NewRun, closed_until: datetime | None, latest: datetime) -> Recorded | None:
    if new.finished_at is not None and new.finished_at > latest:
        return FUTURE["finished_at"]
    if new.started_at is not None and new.started_at > latest:
        return FUTURE["started_at"]
    at = new.finished_at or new.started_at
    return TOO_OLD if closed_until is not None and at is not None and at < closed_until else None


def _settle(reports: Sequence[NewRun], by_run: Mapping[Key, list[int]], settling: _Settling) -> None:
    """Merge the reports of each run into what is known of it, and write what has changed."""
    known = runlog.lock(sorted(by_run))
    ids = iter(runlog.reserve_ids(len(by_run) - len(known)))
    fresh: list[Row] = []
    changed: list[Row] = []
    for key, places in by_run.items():
        before = known.get(key)
        row_id = before.id if before else next(ids)
        after = _fold(before, row_id, [(place, reports[place]) for place in places], settling.answers)
        row = Row(row_id, key[0], after)
        if before is None:
            fresh.append(row)
        elif after != before.kept:
            changed.append(row)
    if changed:
        runlog.update(changed, settling.now)
    lost = runlog.insert(fresh, settling.now) if fresh else []
    missing = {(row.automation_id, row.kept.run.run_id) for row in lost}
    written = changed + [row for row in fresh if (row.automation_id, row.kept.run.run_id) not in missing]
    settling.ended += [(row.automation_id, at) for row in written if (at := row.kept.run.finished_at)]
    if missing:  # somebody else was first: now there are rows to merge with
        _settle(reports, {key: by_run[key] for key in missing}, settling)


def _fold(
    before: Row | None, row_id: int, reports: Sequence[tuple[int, NewRun]], answers: list[Recorded]
) -> engine.Kept:
    known = before.kept if before else None
    for place, new in reports:
        if known is None:
            status, known = "created", engine.kept(new)
        else:
            status, known = engine.merge(known, new)
        code = ("run_id_conflict", "run_id") if status == "conflict" else (None, None)
        answers[place] = Recorded(status, str(row_id), *code)
    assert known is not None  # noqa: S101 - no key without a report
    return known


@transaction.atomic
def record_queue(automation: Automation, *, depth: int, oldest_age_seconds: int | None, now: datetime) -> QueueGauge:
    """Note how much waits in front of an automation; the newest report counts."""
    said = {"depth": depth, "oldest_age_seconds": oldest_age_seconds, "reported_at": now}
    return QueueGauge.objects.update_or_create(automation=automation, defaults=said)[0]
