"""`manage.py benchmark rates`: the hit rate with a million handoffs behind it, on PostgreSQL.

Printed are the time to the first byte of page and API and how many statements each asks, beside a count over all
records in the same run, and what marking a day adds to a write.
"""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median
from typing import Any, TextIO

from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoffs import operations
from handoffs.cohort import COLUMNS, Instant
from handoffs.engine.rates import OUTCOME, Dimension, fold
from handoffs.models import DirtyDay, Handoff, RateDay, Rule
from handoffs.operations import NewHandoff, Terms, rates
from handoffs.operations.rates import rebuild_days
from handoffs.queries.rates import Question, from_records, read_cohort
from opsportal import clock
from opsportal.api.frontdoor import server
from opsportal.audit.engine import Actor
from opsportal.calendars.models import Calendar
from opsportal.identity.models import Person
from opsportal.identity.operations import create_person, create_token
from opsportal.identity.roles import Role

NAME = "rates"
COUNT, DAYS, ROUNDS, WRITES = 1_000_000, 365, 15, 800
BENCHMARK = Actor.system("benchmark")
ADDRESSES = {
    "the inbox, to compare with": "/inbox/",
    "page, all rules": "/hit-rate/",
    "page of a rule, 6 weeks": "/hit-rate/?rule=bench-0",
    "page of a rule, a year": "/hit-rate/?rule=bench-0&span=52",
    "page of a rule, everything": "/hit-rate/?rule=bench-0&span=all",
    "API, everything by channel": "/api/v1/hit-rate/?group_by=channel",
    "API, a rule by owner": "/api/v1/hit-rate/?rule=bench-0&group_by=owner",
}
DIMENSIONS: list[Dimension] = [(name,) for name in COLUMNS]


def run(out: TextIO, rows: int = COUNT) -> None:
    """Write so many records, add them up, ask."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    now = clock.database_now().replace(microsecond=0)
    rules, people = _cast(now)
    seconds = _time_of(lambda: _fill(rules, people, now, rows))
    out.write(f"{rows:,} handoffs over {DAYS} days were written in {seconds:.0f} s.\n")
    seconds = _time_of(lambda: _add_up(now))
    days, kept = RateDay.objects.order_by().values("rule", "day").distinct().count(), RateDay.objects.count()
    out.write(f"{days:,} days of a rule were added up in {seconds:.0f} s, as {kept:,} rows.\n\n")
    _ask_all(out, people[0])
    _compare(out, rules, now)
    _measure_marks(out, rules[0], people[0], now)


# --- what is asked ---


def _ask_all(out: TextIO, person: Person) -> None:
    client = Client()
    client.force_login(person)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    with server() as port:
        for name, address in ADDRESSES.items():
            seconds = [_first_byte(port, address, cookie) for _ in range(ROUNDS)]
            with CaptureQueriesContext(connection) as asked:
                if client.get(address, headers={"host": "127.0.0.1"}).status_code != 200:
                    raise RuntimeError(f"{address} is not answered.")
            count = sum(one["sql"].lstrip("(").startswith("SELECT") for one in asked)
            spent = [_processor_time(lambda: client.get(address, headers={"host": "127.0.0.1"})) for _ in range(5)]  # noqa: B023
            out.write(
                f"{name:<28} {1000 * median(seconds):>7.1f} ms to the first byte (longest {1000 * max(seconds):.0f}), "
                f"{1000 * median(spent):.0f} ms of processor, {count} queries\n"
            )


def _first_byte(port: int, address: str, cookie: str) -> float:
    session = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    session.connect()
    began = time.perf_counter()
    session.request("GET", address, headers={"Cookie": cookie})
    answer = session.getresponse()
    seconds = time.perf_counter() - began
    if answer.status != 200:
        raise RuntimeError(f"{address}: {answer.status}")
    answer.read()
    session.close()
    return seconds


def _compare(out: TextIO, rules: list[Rule], now: datetime) -> None:
    """The same figures out of the days and out of all records."""
    question = Question(rules, None, now, Instant(now))
    wanted: list[Dimension] = [(), OUTCOME, *DIMENSIONS]
    kept = [_timed(lambda: read_cohort(question, DIMENSIONS)) for _ in range(5)]
    scanned = _timed(lambda: fold(from_records(question, wanted)))
    if kept[0][1] != scanned[1]:
        raise RuntimeError("The days and the records do not give the same figures.")
    quick = median(seconds for seconds, _ in kept)
    out.write(
        f"\nEverything of every rule, by four splits: {1000 * quick:.0f} ms from the days, {scanned[0]:.1f} s from all "
        f"records, the same figures; ratio 1:{scanned[0] / quick:.0f}.\n"
    )


# --- what a write pays ---


def _measure_marks(out: TextIO, rule: Rule, owner: Person, now: datetime) -> None:
    """Completions with and without their mark, turn by turn, in a transaction that is rolled back."""
    began = now - timedelta(minutes=5)
    new = [NewHandoff(rule=rule, subject="Lead", owner=owner, started_at=began) for _ in range(WRITES)]
    opened = [operations.create_handoff(new=one, actor=BENCHMARK, now=now).handoff for one in new]

    def complete(handoff: Handoff) -> float:
        return _time_of(lambda: operations.complete_handoff(handoff, actor=BENCHMARK, now=now))

    marked, bare = [], []
    with transaction.atomic():
        for one, other in zip(opened[::2], opened[1::2], strict=True):
            marked.append(complete(one))
            with _without_marks():
                bare.append(complete(other))
        transaction.set_rollback(True)
    with_mark, without = 1000 * median(marked), 1000 * median(bare)
    out.write(
        f"A completion takes {with_mark:.2f} ms with its mark, {without:.2f} ms without; "
        f"ratio {with_mark / without:.3f}.\n"
    )


@contextmanager
def _without_marks() -> Iterator[None]:
    mark_days = rates.mark_days
    rates.mark_days = lambda marks: None
    try:
        yield
    finally:
        rates.mark_days = mark_days


# --- what is there before ---


def _cast(now: datetime) -> tuple[list[Rule], list[Person]]:
    said: Any = dict.fromkeys(("trigger", "target", "timer", "trace", "consequence"), "For the benchmark.")
    terms = Terms(calendar=Calendar.objects.get(slug="24x7"), sla_minutes=30, **said)
    rules = []
    for number in range(3):
        rule = operations.create_rule(
            slug=f"bench-{number}", name=f"Benchmark {number}", terms=terms, actor=BENCHMARK, now=now
        )
        rules.append(operations.activate_rule(rule, acknowledge=True, reason="benchmark", actor=BENCHMARK, now=now))
    people = [
        create_person(
            username=f"bench{number}",
            name=f"Bench {number}",
            email=f"bench{number}@example.org",
            roles=[Role.OPS_LEAD],
            actor=BENCHMARK,
            now=now,
        )
        for number in range(20)
    ]
    create_token(name="benchmark", scopes=["handoffs:read"], days=1, actor=BENCHMARK, now=now)
    return rules, people


def _fill(rules: list[Rule], people: list[Person], now: datetime, rows: int) -> None:
    """A million records as a year leaves them: one in a hundred of the newest runs, one in 25 was cancelled."""
    template = operations.create_handoff(
        new=NewHandoff(rule=rules[0], subject="Lead", owner=people[0], started_at=now, attributes={"size": "small"}),
        actor=BENCHMARK,
        now=now,
    ).handoff
    began = f"(timestamptz '{now.isoformat()}' - (n * interval '{DAYS * 86_400 / rows} seconds'))"
    began = f"date_trunc('second', {began})"
    stop = f"({began} + ((n * 37) % 90) * interval '40 seconds')"
    runs, cancelled = f"(n < {rows // 100} AND n % 4 = 0)", "(n % 25 = 7)"
    person = f"(ARRAY{[one.pk for one in people]})[1 + (n / 7) % {len(people)}]"
    special = {
        "id": "gen_random_uuid()",
        "rule_id": f"(ARRAY{[one.pk for one in rules]})[1 + n % {len(rules)}]",
        "external_ref": "'lead-' || n",
        "started_at": began,
        "ingested_at": f"{began} + interval '2 seconds'",
        "assigned_at": f"{began} + interval '9 seconds'",
        "due_at": f"{began} + interval '30 minutes'",
        "breach_at": f"{began} + interval '1 hour'",
        "missed_from": f"{began} + interval '1801 seconds'",
        "breached_from": f"{began} + interval '3600 seconds'",
        "owner_id": person,
        "first_owner_id": person,
        "channel": "(ARRAY['web', 'mail', 'event', 'partner', 'phone'])[1 + (n / 3) % 5]",
        "icp": "(ARRAY['small', 'middle', 'large'])[1 + (n / 11) % 3]",
        "within_business_hours": f"extract(hour FROM {began}) BETWEEN 8 AND 16",
        "next_fire_at": "NULL::timestamptz",
        "historical": "false",
        "state": f"CASE WHEN {cancelled} THEN 'cancelled' WHEN {runs} THEN 'open' ELSE 'responded' END",
        "cancelled_at": f"CASE WHEN {cancelled} THEN {stop} END",
        "cancel_reason": f"CASE WHEN {cancelled} THEN (ARRAY['double', 'spam', 'left'])[1 + (n / 25) % 3] ELSE '' END",
        "first_response_at": f"CASE WHEN {cancelled} OR {runs} THEN NULL ELSE {stop} END",
        "outcome": f"CASE WHEN {cancelled} OR {runs} THEN '' ELSE (ARRAY['won', 'lost', ''])[1 + (n / 5) % 3] END",
    }
    columns = [str(one.column) for one in Handoff._meta.concrete_fields]
    values = ", ".join(special.get(column, column) for column in columns).replace("%", "%%")
    source = "handoffs_handoff, generate_series(1, %s) AS n WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            f"INSERT INTO handoffs_handoff ({', '.join(columns)}) SELECT {values} FROM {source}",  # noqa: S608
            [rows, template.pk],
        )
        cursor.execute("ANALYZE handoffs_handoff")
    days = [(now - timedelta(days=number)).date() for number in range(DAYS + 2)]
    DirtyDay.objects.bulk_create([DirtyDay(rule=rule, day=day) for rule in rules for day in days])


def _add_up(now: datetime) -> None:
    while rebuild_days(now):
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE handoffs_rateday")
        cursor.execute("VACUUM ANALYZE handoffs_dirtyday")
        cursor.execute("VACUUM handoffs_handoff")


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


def _processor_time(work: Callable[[], Any]) -> float:
    """What this process computes itself, the database and waiting left out."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _time_of(work: Callable[[], Any]) -> float:
    return _timed(work)[0]
