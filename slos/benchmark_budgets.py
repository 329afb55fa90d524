"""`manage.py benchmark budgets`: what reading budgets costs for 500 automations, with 100 thousand and a million runs
behind them (OPSPORTAL_BENCHMARK_RUNS=100000,1000000,10000000 for others), on PostgreSQL; and how fast runs add up.
"""

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median
from typing import Any, TextIO

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.catalog.models import Automation
from opsportal.identity.operations import create_person
from opsportal.identity.roles import Role
from slos.budgets import queries
from slos.budgets.sweep import keep_readings, sweep_rollups
from slos.models import DirtyMinute, Run, RunBucket, SliBucket, Slo

NAME = "budgets"
AUTOMATIONS, DAYS, ROUNDS = 500, 90, 7
SIZES = "100000,1000000"
BENCHMARK = Actor.system("benchmark")
PAGES = ("/slos/", "/slos/bench-1/", "/budgets/", "/metrics")

FILL = """
INSERT INTO slos_run ({columns})
SELECT {values} FROM (
    SELECT n, a.id AS automation_id, random() AS luck,
           %s::timestamptz - random() * %s * interval '1 day' AS finished_at
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
    "WHERE run_id LIKE %s ORDER BY minute"
)


def run(out: TextIO) -> None:
    """Grow the history step by step, and ask the same each time."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    now = clock.database_now().replace(microsecond=0)
    slos = _cast(now)
    out.write(f"{AUTOMATIONS} automations with {len(slos)} SLOs, {DAYS} days of runs.\n")
    found: list[dict[str, float]] = []
    sizes = [int(one) for one in os.environ.get("OPSPORTAL_BENCHMARK_RUNS", SIZES).split(",")]
    for size in sizes:
        _grow(out, size, now)
        found.append(_ask(out, slos, now))
        _look(out)
    for name, seconds in found[-1].items():
        out.write(f"{name}: {sizes[-1]:,} against {sizes[0]:,} runs, ratio {seconds / found[0][name]:.2f}\n")


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
    """Up to `size` runs, added up as the sweep does it."""
    more = size - Run.objects.count()
    columns = {**_defaults(), **SAID}
    statement = FILL.replace("{columns}", ", ".join(columns)).replace("{values}", ", ".join(columns.values()))
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("n % 3", "n %% 3"), [str(size), now, DAYS, more, AUTOMATIONS])
        cursor.execute(MARK, [f"bench-{size}-%"])
        cursor.execute("ANALYZE")
    marks, began = DirtyMinute.objects.count(), time.perf_counter()
    while sweep_rollups(now).fired:
        pass
    seconds = time.perf_counter() - began
    rows = RunBucket.objects.count(), SliBucket.objects.count()
    out.write(
        f"\n{size:,} runs: {more:,} of them in {marks:,} minutes were added up in {seconds:.1f} s "
        f"({more / seconds:,.0f} a second), as {rows[0]:,} + {rows[1]:,} buckets.\n"
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _defaults() -> dict[str, str]:
    """Whatever a run must say and the benchmark does not care for."""
    kinds = {"CharField": "''", "JSONField": "'{}'::jsonb", "BooleanField": "false"}
    fields = [one for one in Run._meta.concrete_fields if not one.null and not one.primary_key]
    return {str(one.column): kinds.get(one.get_internal_type(), "0") for one in fields if one.column not in SAID}


def _ask(out: TextIO, slos: list[Slo], now: datetime) -> dict[str, float]:
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
        "the sweep's reading of all": lambda: keep_readings(now),
        "an idle sweep": lambda: sweep_rollups(now),
    }
    return {name: _measure(out, name, question) for name, question in asked.items()}


def _measure(out: TextIO, name: str, question: Callable[[], Any]) -> float:
    with CaptureQueriesContext(connection) as seen:
        question()
    found, spent = [], []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.process_time()
        question()
        found.append(time.perf_counter() - began)
        spent.append(time.process_time() - busy)
    times = f"{1000 * median(found):>8.1f} ms, {1000 * median(spent):>7.1f} ms of processor here"
    out.write(f"{name:<34} {times}, {len(seen):>3} queries\n")
    return median(found)


def _look(out: TextIO) -> None:
    """The pages that show budgets, as far as they are there."""
    client = Client()
    name = f"bench-{time.monotonic_ns()}"
    now = clock.now()
    client.force_login(create_person(username=name, name=name, roles=[Role.ADMIN], actor=BENCHMARK, now=now))
    for address in PAGES:
        if client.get(address, headers={"host": "127.0.0.1"}).status_code == 200:
            _measure(out, f"page {address}", lambda: client.get(address, headers={"host": "127.0.0.1"}))  # noqa: B023
