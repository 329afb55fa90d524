"""`manage.py benchmark replay`: ordered claims beside a bare claim of the same rows, and the dry run of a large plan.

Ordered: the rate, the breaker, the retry budget, only heads of lanes, and the attempt written down. Bare: one UPDATE
over SELECT … FOR UPDATE SKIP LOCKED, which knows none of that. Half of the rows wait behind others. Turn by turn; the
medians count.
"""

from datetime import datetime, timedelta
from statistics import median
from typing import Any, TextIO

from django.db import connection

from opsportal import clock
from opsportal.api.frontdoor import timed
from opsportal.audit.engine import Actor
from runbooks.models import ReplayTarget
from runbooks.plans.operations import create_plan, freeze_plan
from runbooks.queue import claims
from runbooks.targets.operations import create_target

NAME = "replay"
CLAIMED, ROUNDS, BATCHES = 10_000, 5, (10, 100)
PLANNED = 100_000
BENCH = Actor.system("benchmark")

_LANES = """
INSERT INTO runbooks_lane (target_id, record_key, last_sequence)
SELECT %(target)s, 'lead-' || n, 2 FROM generate_series(1, %(keys)s) AS n
"""
_ITEMS = """
INSERT INTO runbooks_replayitem (id, target_id, lane_id, sequence, record_key, external_id, correlation_id, source,
    error_class, error_message, content_type, sha256, size, revision, state, attempts, tries, is_probe, authority,
    last_error, failed_at, received_at, legal_hold, due_at)
SELECT gen_random_uuid(), lane.target_id, lane.id, place, lane.record_key, lane.id || '-' || place, '', 'benchmark',
    'Timeout', '', 'application/json', repeat('0', 64), 512, 0, %(state)s, 0, 0, FALSE, '',
    '', %(now)s, %(now)s, '', CASE WHEN place = 1 AND %(state)s = 'pending' THEN %(now)s::timestamptz END
FROM runbooks_lane AS lane CROSS JOIN generate_series(1, 2) AS place WHERE lane.target_id = %(target)s
"""
_PAYLOADS = """
INSERT INTO runbooks_payload (item_id, revision, subject, sealed, sha256, created_at)
SELECT id, 0, 'lead:' || record_key, %(sealed)s, sha256, %(now)s FROM runbooks_replayitem WHERE target_id = %(target)s
"""
_SUBJECTS = """
INSERT INTO vault_subjectkey (id, subject, wrapped, wrapped_by)
SELECT gen_random_uuid(), 'lead:' || record_key, %(sealed)s, 'bench' FROM runbooks_lane WHERE target_id = %(target)s
ON CONFLICT DO NOTHING
"""
_BARE = """
UPDATE runbooks_replayitem AS item
SET state = 'leased', lease_token = gen_random_uuid(), lease_until = %(until)s, due_at = NULL, attempts = attempts + 1
FROM (
    SELECT id FROM runbooks_replayitem
    WHERE target_id = %(target)s AND state = 'pending' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS taken
WHERE item.id = taken.id RETURNING item.id
"""


def run(out: TextIO) -> None:
    """Print claims a second of both, and the ratio, for each size of a batch."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    for batch in BATCHES:
        ordered, bare = [], []
        for number in range(ROUNDS):
            ordered.append(_time_ordered(f"ordered-{batch}-{number}", batch))
            bare.append(_time_bare(f"bare-{batch}-{number}", batch))
        here, there = CLAIMED / median(ordered), CLAIMED / median(bare)
        out.write(
            f"{CLAIMED:,} claims of {2 * CLAIMED:,} rows, {batch} at a time, {ROUNDS} rounds, one connection:\n"
            f"  ordered     {here:>9,.0f} claims a second ({', '.join(f'{one:.2f}' for one in ordered)} s)\n"
            f"  bare        {there:>9,.0f} claims a second ({', '.join(f'{one:.2f}' for one in bare)} s)\n"
            f"  ratio       {here / there:>9.2f}\n"
        )
    target, now = _filled("planned", PLANNED // 2, state="held")
    made = create_plan(target, values={"reason": "benchmark", "canary_count": 10}, person=None, actor=BENCH, now=now)
    seconds = timed(lambda: freeze_plan(made, principal=None, actor=BENCH, now=now))
    out.write(f"Dry run of {PLANNED:,} payloads of {PLANNED // 2:,} records: {seconds:.2f} s\n")


def _time_ordered(slug: str, batch: int) -> float:
    target, now = _filled(slug)

    def claim_all() -> None:
        at, count = now, 0
        while count < CLAIMED:
            at += timedelta(seconds=10)  # as if each batch came when the rate lets it
            taken = claims.claim(target, limit=batch, now=at)
            count += len(taken)
            if not taken:
                raise RuntimeError(f"{count:,} of {CLAIMED:,} were claimed.")

    return timed(claim_all)


def _time_bare(slug: str, batch: int) -> float:
    target, now = _filled(slug)

    def claim_all() -> None:
        count = 0
        while count < CLAIMED:
            with connection.cursor() as cursor:
                until = now + timedelta(minutes=1)
                cursor.execute(_BARE, {"target": target.pk, "now": now, "until": until, "limit": batch})
                count += len(cursor.fetchall())

    return timed(claim_all)


def _filled(slug: str, keys: int = CLAIMED, state: str = "pending") -> tuple[ReplayTarget, datetime]:
    """A target whose lanes hold two payloads each, all let go; or all held, and with payloads."""
    now = clock.now()
    values = {"url": "https://replay.example.com/", "rate_per_minute": 60_000}
    target, _ = create_target(slug=slug, values=values, actor=BENCH, now=now)
    with connection.cursor() as cursor:
        cursor.execute(_LANES, {"target": target.pk, "keys": keys})
        cursor.execute(_ITEMS, {"target": target.pk, "now": now, "state": state})
        if state == "held":
            said: dict[str, Any] = {"target": target.pk, "now": now, "sealed": b"0" * 600}
            cursor.execute(_PAYLOADS, said)
            cursor.execute(_SUBJECTS, said)
        cursor.execute("ANALYZE runbooks_lane, runbooks_replayitem, runbooks_attempt")
    return target, now
