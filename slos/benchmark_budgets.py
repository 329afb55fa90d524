"""`manage.py benchmark budgets`: what reading budgets costs for 500 automations, with 100 thousand and a million runs
behind them (OPSPORTAL_BENCHMARK_RUNS=100000,1000000,10000000 for the third size), on PostgreSQL.

Up to 100 thousand runs the sweep itself adds up. Beyond, days that are over are added up by set-based SQL; the sweep
then adds up some automations of each kind again, and every bucket must be the same.
"""

import gc
import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple, TextIO

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.catalog.models import Automation
from opsportal.identity.operations import create_person
from opsportal.identity.roles import Role
from slos.budgets import queries
from slos.budgets.adding import TOO_LATE, TOO_SLOW
from slos.budgets.engine.buckets import DAY, EPOCH, WIDTHS, floor
from slos.budgets.engine.histogram import LOG
from slos.budgets.sweep import keep_readings, move_watermark, sweep_rollups
from slos.exposition.totals import sweep_totals
from slos.models import DirtyMinute, Downtime, Run, RunBucket, SliBucket, Slo, SloReading

NAME = "budgets"
AUTOMATIONS, DAYS, ROUNDS = 500, 90, 7
SIZES = "100000,1000000"
SWEPT = 100_000  # runs up to which the sweep adds up all of them: a few thousand a second
SAMPLE = 4  # automations that it adds up again, one of each kind
AT_ONCE = 25  # automations in one statement
BENCHMARK = Actor.system("benchmark")
ALLOWED = {"/metrics": 100.0}  # milliseconds of server time
ALLOWED_PAGE = 50.0
PAGES = (
    "/slos/",
    "/slos/?page=5",
    "/slos/bench-0/",
    "/slos/bench-1/",
    "/slos/bench-2/",
    "/slos/bench-3/",
    "/slos/bench-1/?target=99",
    "/budgets/",
    "/budgets/?page=3",
    "/executive/",
    "/metrics",
)

FILL = """
INSERT INTO slos_run ({columns})
SELECT {values} FROM (
    SELECT n, a.id AS automation_id, random() AS luck,
           %s::timestamptz - (n - random()) * %s / %s * interval '1 day' AS finished_at
    FROM generate_series(1, %s) AS n JOIN (
        SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM catalog_automation WHERE slug LIKE 'bench-%%'
    ) AS a ON a.place = n %% %s
) AS one
"""
SAID = {
    "automation_id": "automation_id",
    "run_id": "'bench-' || %s || '-' || n",
    "status": "CASE WHEN luck < 0.02 THEN 'failed' ELSE 'succeeded' END",
    "started_at": "finished_at - luck * interval '2 minutes'",
    "finished_at": "finished_at",
    "duration_ms": "(luck * 120000)::bigint",
    "error_type": "CASE WHEN luck < 0.01 THEN 'RateLimit' WHEN luck < 0.02 THEN 'Timeout' ELSE '' END",
    "version": "'v' || (n % 3)",
    "body_hash": "'\\x00'::bytea",
    "received_at": "finished_at",
    "updated_at": "finished_at",
}
MARK = (
    "INSERT INTO slos_dirtyminute (automation_id, minute) "
    "SELECT DISTINCT automation_id, date_trunc('minute', finished_at) AS minute FROM slos_run "
    "WHERE automation_id = ANY(%s) AND finished_at >= %s AND finished_at < %s ORDER BY automation_id, minute"
)
# What the sweep does to days that are over, for automations whose runs all ended and that have no heartbeat.
OF_RUNS = """
WITH runs AS MATERIALIZED (
    SELECT *, date_bin(make_interval(secs => %(width)s), finished_at, 'epoch'::timestamptz) AS bucket,
           CASE WHEN duration_ms > 0 THEN ceil(ln(duration_ms::float8) / %(log)s)::int::text ELSE '-1' END AS bin
    FROM slos_run WHERE automation_id = ANY(%(automations)s) AND finished_at < %(until)s
), took AS (
    SELECT automation_id, bucket, jsonb_object_agg(bin, n) AS durations FROM (
        SELECT automation_id, bucket, bin, count(*) AS n FROM runs WHERE status = 'succeeded' GROUP BY 1, 2, 3
    ) one GROUP BY 1, 2
), failures AS (
    SELECT automation_id, bucket, jsonb_object_agg(error_type, n) AS errors FROM (
        SELECT automation_id, bucket, error_type, count(*) AS n FROM runs WHERE status = 'failed' GROUP BY 1, 2, 3
    ) one GROUP BY 1, 2
), released AS (
    SELECT automation_id, bucket, jsonb_object_agg(version, jsonb_build_array(good, bad)) AS versions FROM (
        SELECT automation_id, bucket, version, count(*) FILTER (WHERE status = 'succeeded') AS good,
               count(*) FILTER (WHERE status = 'failed') AS bad
        FROM runs WHERE status <> 'cancelled' GROUP BY 1, 2, 3
    ) one GROUP BY 1, 2
), sums AS (
    SELECT automation_id, bucket, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE status = 'failed') AS failed, sum(attempt) AS attempts, sum(retries) AS retries
    FROM runs GROUP BY 1, 2
)
INSERT INTO slos_runbucket (automation_id, width, start, succeeded, failed, cancelled, attempts, retries, compensated,
                            interventions, items_out, empty, payload_bytes, cost, durations, errors, versions)
SELECT automation_id, %(width)s, bucket, succeeded, failed, 0, attempts, retries, 0, 0, 0, 0, 0, 0,
       coalesce(durations, '{}'), coalesce(errors, '{}'), coalesce(versions, '{}')
FROM sums LEFT JOIN took USING (automation_id, bucket) LEFT JOIN failures USING (automation_id, bucket)
          LEFT JOIN released USING (automation_id, bucket)
ORDER BY automation_id, bucket
"""
OF_SLOS = """
WITH events AS MATERIALIZED (
    SELECT s.id AS slo_id, date_bin(make_interval(secs => %(width)s), r.finished_at, 'epoch'::timestamptz) AS bucket,
           r.version, CASE
               WHEN r.status = 'failed' THEN r.error_type
               WHEN s.kind = 'latency' AND r.duration_ms > s.threshold_ms THEN %(slow)s
               WHEN s.kind = 'freshness' AND r.finished_at - r.started_at > s.threshold_ms * interval '1 millisecond'
               THEN %(late)s END AS error
    FROM slos_slo s JOIN slos_run r USING (automation_id)
    WHERE s.method = 'occurrences' AND r.automation_id = ANY(%(automations)s) AND r.finished_at < %(until)s
), spent AS (
    SELECT slo_id, bucket, jsonb_object_agg(cause, n) AS causes FROM (
        SELECT slo_id, bucket, cause, count(*) AS n
        FROM events, unnest(ARRAY['error|' || error, 'version|' || version]) AS cause
        WHERE error IS NOT NULL GROUP BY 1, 2, 3
    ) one GROUP BY 1, 2
)
INSERT INTO slos_slibucket (slo_id, width, start, valid, bad, causes)
SELECT slo_id, %(width)s, bucket, count(*), count(error), coalesce(causes, '{}')
FROM events LEFT JOIN spent USING (slo_id, bucket) GROUP BY 1, bucket, causes ORDER BY 1, bucket
"""
# Every failure of a streak lasts until the next run ended; nothing runs as long as the limit here.
OF_STREAKS = """
INSERT INTO slos_downtime (slo_id, rule, from_at, until, error, version)
SELECT slo_id, 'streak', finished_at, next_at, error_type, version FROM (
    SELECT *, count(*) OVER (PARTITION BY slo_id, streak) AS length FROM (
        SELECT s.id AS slo_id, s.consecutive_failures, r.status, r.finished_at, r.error_type, r.version,
               count(*) FILTER (WHERE r.status = 'succeeded') OVER so_far AS streak,
               lead(r.finished_at) OVER so_far AS next_at
        FROM slos_slo s JOIN slos_run r USING (automation_id)
        WHERE s.method = 'downtime' WINDOW so_far AS (PARTITION BY s.id ORDER BY r.finished_at, r.id)
    ) run WHERE status = 'failed'
) failure WHERE length >= consecutive_failures
"""


class Cost(NamedTuple):
    """Of one question, at the median: milliseconds on the clock and of the processor here, and its queries."""

    wall: float
    processor: float
    queries: int


def run(out: TextIO) -> None:
    """Grow the history step by step, and ask the same each time."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # ten million runs are written by one statement
    now = clock.database_now().replace(microsecond=0)
    slos = _cast(now)
    out.write(f"{AUTOMATIONS} automations with {len(slos)} SLOs, {DAYS} days of runs. Medians of {ROUNDS}.\n")
    found: list[dict[str, Cost]] = []
    sizes = [int(one) for one in os.environ.get("OPSPORTAL_BENCHMARK_RUNS", SIZES).split(",")]
    for size in sizes:
        _grow(out, size, now)
        found.append(_ask(out, slos, now) | _look(out))
        out.write(f"Load while this was asked: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.\n")
    _compare(out, sizes, found)


def _compare(out: TextIO, sizes: list[int], found: list[dict[str, Cost]]) -> None:
    """The ends against each other, and pages against what they may take."""
    out.write(f"\n{sizes[-1]:,} against {sizes[0]:,} runs, as ratios of the clock and of the processor:\n")
    for name, last in found[-1].items():
        first = found[0][name]
        allowed = ALLOWED.get(name, ALLOWED_PAGE) if name.startswith("/") else 0
        share = f", {last.wall / allowed:.2f} of the {allowed:.0f} ms it may take" if allowed else ""
        ratios = f"{last.wall / first.wall:>6.2f} {last.processor / first.processor:>6.2f}"
        out.write(f"{name:<34} {ratios}{share}\n")


# --- what there is ---


def _cast(now: datetime) -> list[Slo]:
    automations = Automation.objects.bulk_create(
        [Automation(slug=f"bench-{n}", name=f"Bench {n}", created_at=now, updated_at=now) for n in range(AUTOMATIONS)]
    )
    kinds: list[dict[str, Any]] = [
        {"kind": "availability", "method": "downtime", "consecutive_failures": 2, "max_run_seconds": 600},
        {"kind": "availability", "method": "occurrences"},
        {"kind": "latency", "method": "occurrences", "threshold_ms": 100_000},
        {"kind": "freshness", "method": "occurrences", "threshold_ms": 100_000},
    ]
    weekly = {"window_kind": "calendar", "window_unit": "week"}
    rolling = {"window_kind": "rolling", "window_days": 28}
    rows = [
        Slo(slug=one.slug, name=one.name, automation=one, target="99.5", state="active", created_at=now,
            updated_at=now, **kinds[n % 4], **(weekly if n % 4 == 0 else rolling))
        for n, one in enumerate(automations)
    ]  # fmt: skip
    return Slo.objects.bulk_create(rows)


def _grow(out: TextIO, size: int, now: datetime) -> None:
    """Up to `size` runs, added up, with the totals behind /metrics."""
    more, began = size - Run.objects.count(), time.perf_counter()
    columns = {**_defaults(), **SAID}
    statement = FILL.replace("{columns}", ", ".join(columns)).replace("{values}", ", ".join(columns.values()))
    _execute(statement.replace("n % 3", "n %% 3"), [str(size), now, DAYS, more, more, AUTOMATIONS], ["ANALYZE"])
    out.write(f"\n{size:,} runs: {more:,} more were written in {time.perf_counter() - began:.0f} s.\n")
    if size <= SWEPT:
        _mark(_automations(), EPOCH, now)
        _sweep(out, now, "all of them")
    else:
        _add_up(out, now)
    move_watermark(now)
    sweep_totals(now)
    _execute("VACUUM ANALYZE")
    out.write(f"They are kept as {RunBucket.objects.count():,} + {SliBucket.objects.count():,} buckets.\n")


def _defaults() -> dict[str, str]:
    """Whatever a run must say and the benchmark does not care for."""
    kinds = {"CharField": "''", "JSONField": "'{}'::jsonb", "BooleanField": "false"}
    fields = [one for one in Run._meta.concrete_fields if not one.null and not one.primary_key]
    return {str(one.column): kinds.get(one.get_internal_type(), "0") for one in fields if one.column not in SAID}


# --- adding up ---


def _add_up(out: TextIO, now: datetime) -> None:
    """Days that are over by SQL, today by the sweep; and the sweep must find a sample of the former the same."""
    began, midnight, automations = time.perf_counter(), floor(now, DAY), _automations()
    _execute("TRUNCATE slos_runbucket, slos_slibucket, slos_downtime, slos_openbucket")
    _execute("SET work_mem = '256MB'")
    told = {"log": LOG, "slow": TOO_SLOW, "late": TOO_LATE, "until": midnight}
    for width in WIDTHS:
        for first in range(0, AUTOMATIONS, AT_ONCE):
            of_some = {**told, "width": width, "automations": automations[first : first + AT_ONCE]}
            _execute(OF_RUNS, of_some)
            _execute(OF_SLOS, of_some)
    _execute(OF_STREAKS, [], ["RESET work_mem", "ANALYZE"])
    out.write(f"Days that are over were added up by SQL in {time.perf_counter() - began:.0f} s.\n")
    _mark(automations, midnight, now)
    _sweep(out, now, "today's")
    _check(out, now, midnight)


def _check(out: TextIO, now: datetime, midnight: datetime) -> None:
    """Raises RuntimeError where the sweep adds up a sample in another way."""
    sample = _automations()[:SAMPLE]
    before = _rows_of(sample)
    _mark(sample, EPOCH, midnight)
    _sweep(out, now, f"a sample of {SAMPLE} automations again")
    if _rows_of(sample) != before:
        raise RuntimeError("The sweep adds up the sample in another way than the SQL.")
    out.write(f"Its {len(before):,} rows are the same as those by SQL.\n")


def _rows_of(automations: list[int]) -> list[str]:
    """Every bucket and downtime of these, without its key."""
    slos = Slo.objects.filter(automation__in=automations).values("pk")
    told = [
        RunBucket.objects.filter(automation__in=automations),
        SliBucket.objects.filter(slo__in=slos),
        Downtime.objects.filter(slo__in=slos),
    ]
    rows: Iterable[dict[str, Any]] = (row for one in told for row in one.order_by().values())
    return sorted(str({name: value for name, value in _plain(row) if name != "id"}) for row in rows)


def _plain(row: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, sorted(value.items()) if isinstance(value, dict) else value) for name, value in row.items()]


def _automations() -> list[int]:
    rows = Automation.objects.filter(slug__startswith="bench-").order_by("pk")
    return list(rows.values_list("pk", flat=True))


def _mark(automations: list[int], since: datetime, until: datetime) -> None:
    _execute(MARK, [automations, since, until + timedelta(seconds=1)], ["ANALYZE slos_dirtyminute"])


def _sweep(out: TextIO, now: datetime, what: str) -> None:
    marks, began = DirtyMinute.objects.count(), time.perf_counter()
    while sweep_rollups(now).fired:
        pass
    seconds = time.perf_counter() - began
    out.write(f"The sweep added up {what}: {marks:,} minutes in {seconds:.0f} s, {marks / seconds:,.0f} a second.\n")


def _execute(statement: str, parameters: Any = None, after: Iterable[str] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for one in after:
            cursor.execute(one)


# --- what is asked ---


def _ask(out: TextIO, slos: list[Slo], now: datetime) -> dict[str, Cost]:
    one, timed = slos[1], slos[0]
    today, past = now.date(), now - timedelta(days=30)
    first = today - timedelta(days=42)
    automations = [slo.automation for slo in slos if slo.automation]
    asked: dict[str, Callable[[], Any]] = {
        "budgets of all": lambda: queries.budgets(slos, now),
        "a budget": lambda: queries.budget(one, now),
        "a budget 30 days ago": lambda: queries.budget(one, past),
        "a budget of downtime 30 days ago": lambda: queries.budget(timed, past),
        "a burn-down": lambda: queries.burndown(one, now),
        "a spend by cause": lambda: queries.spend_by_cause(one, now),
        "42 days of one": lambda: queries.days(one, first, today),
        "42 days of all": lambda: queries.days_of_many(slos, first, today),
        "runs of all, 28 days": lambda: queries.count_runs(automations, now - timedelta(days=28), now),
        "runs of one with percentiles": lambda: queries.counts(automations[1], now - timedelta(days=28), now).p95,
        "the sweep's reading of all": lambda: _read_again(now),
        "an idle sweep": lambda: sweep_rollups(now),
    }
    return {name: _measure(out, name, question) for name, question in asked.items()}


def _read_again(now: datetime) -> None:
    """As when everything has changed: the sweep passes over what it has read at this instant."""
    SloReading.objects.all().delete()
    keep_readings(now)


def _look(out: TextIO) -> dict[str, Cost]:
    """The pages that show budgets, as a person with every right sees them, in a process like the web server's."""
    gc.collect()
    gc.freeze()
    client = Client(headers={"host": "127.0.0.1"})
    name, now = f"bench-{time.monotonic_ns()}", clock.now()
    client.force_login(create_person(username=name, name=name, roles=[Role.ADMIN], actor=BENCHMARK, now=now))
    return {address: _measure(out, address, lambda: _page(client, address)) for address in PAGES}  # noqa: B023


def _page(client: Client, address: str) -> None:
    """Raises RuntimeError for a page that is refused or knows nothing of the automations."""
    answer = client.get(address)
    if answer.status_code != 200 or b"ench" not in answer.content:
        raise RuntimeError(f"{address} answered {answer.status_code} with {len(answer.content):,} bytes.")


def _measure(out: TextIO, name: str, question: Callable[[], Any]) -> Cost:
    with CaptureQueriesContext(connection) as seen:
        question()
    asked = len(seen)  # a request forgets the queries of the one before
    found, spent = [], []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.process_time()
        question()
        found.append(time.perf_counter() - began)
        spent.append(time.process_time() - busy)
    cost = Cost(1000 * median(found), 1000 * median(spent), asked)
    times = f"{cost.wall:>8.1f} ms, {cost.processor:>7.1f} ms of processor here"
    out.write(f"{name:<34} {times}, {asked:>3} queries\n")
    return cost
