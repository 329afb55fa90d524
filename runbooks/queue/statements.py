"""Taking heads of lanes, in SQL. On PostgreSQL one statement does all of it: rate, budget, lease and attempt.

The due index holds heads only (runbooks.queue.lanes), so what a claim costs follows what it takes, not what waits.
"""

import uuid
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F

from runbooks.models import Attempt, ReplayItem
from runbooks.queue.engine import flow
from runbooks.states import ItemState

Taken = tuple[uuid.UUID, uuid.UUID, int, int, bool]

# Retries first, as many as the budget allows: they have waited longest. Rows somebody else has in hand are passed over.
# Slots and budget are those of engine.flow, whose figures come in as parameters; a test holds both to the same answers.
_CLAIM = """
WITH health AS MATERIALIZED (
    SELECT target_id, GREATEST(next_slot_at, %(now)s) AS slot,
        LEAST(retry_tokens + GREATEST(EXTRACT(EPOCH FROM %(now)s - COALESCE(retry_tokens_at, %(now)s)), 0)
            * %(trickle)s, %(most)s) AS tokens
    FROM runbooks_targethealth
    WHERE target_id = %(target)s AND opened_at IS NULL FOR UPDATE SKIP LOCKED
), room AS MATERIALIZED (
    SELECT LEAST(%(limit)s, GREATEST(FLOOR(EXTRACT(EPOCH FROM %(ahead)s - slot) / %(spacing)s) + 1, 0))::int AS count,
        FLOOR(tokens + 1e-9)::int AS retries
    FROM health
), again AS MATERIALIZED (
    SELECT id FROM runbooks_replayitem
    WHERE target_id = %(target)s AND state = 'failed' AND due_at <= %(now)s
    ORDER BY due_at LIMIT COALESCE((SELECT LEAST(count, retries) FROM room), 0) FOR UPDATE SKIP LOCKED
), firsts AS MATERIALIZED (
    SELECT id FROM runbooks_replayitem
    WHERE target_id = %(target)s AND state = 'pending' AND due_at <= %(now)s
    ORDER BY due_at LIMIT COALESCE((SELECT count FROM room), 0) - (SELECT count(*) FROM again) FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE runbooks_replayitem AS item
    SET state = 'leased', lease_token = gen_random_uuid(), lease_until = %(until)s, due_at = NULL,
        is_probe = FALSE, tries = tries + 1, attempts = attempts + 1
    FROM (SELECT id, TRUE AS again FROM again UNION ALL SELECT id, FALSE FROM firsts) AS taken
    WHERE item.id = taken.id
    RETURNING item.id, item.lease_token, item.tries, item.attempts, taken.again, item.received_at
), logged AS (
    INSERT INTO runbooks_attempt (item_id, number, lease_token, is_probe, started_at, outcome, answer, was_late)
    SELECT id, tries, lease_token, FALSE, %(now)s, '', '', FALSE FROM leased
), counted AS (
    SELECT count(*) AS total, count(*) FILTER (WHERE again) AS retries FROM leased
), booked AS (
    UPDATE runbooks_targethealth AS kept
    SET next_slot_at = health.slot + make_interval(secs => %(spacing)s * counted.total),
        retry_tokens_at = %(now)s,
        retry_tokens = GREATEST(LEAST(health.tokens
            + %(share)s * (counted.total - counted.retries) - counted.retries, %(most)s), 0)
    FROM health, counted WHERE kept.target_id = health.target_id AND counted.total > 0
)
SELECT leased.id, lease_token, tries, attempts, again, health.slot FROM leased, health
ORDER BY again DESC, received_at, leased.id
"""


def claim_on_postgres(
    target_id: int, *, limit: int, rate_per_minute: int, now: datetime, until: datetime
) -> tuple[list[Taken], datetime]:
    """What was leased, and the first of its slots. Nothing while the breaker is open or somebody else is claiming."""
    values: dict[str, Any] = {
        "target": target_id,
        "limit": limit,
        "now": now,
        "until": until,
        "ahead": now + flow.LOOK_AHEAD,
        "spacing": flow.spacing(rate_per_minute).total_seconds(),
        "trickle": flow.RETRIES_PER_SECOND,
        "share": flow.RETRIES_PER_FIRST,
        "most": flow.MOST_TOKENS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        rows = cursor.fetchall()
    return [(pk, token, number, tried, again) for pk, token, number, tried, again, _ in rows], rows[0][
        5
    ] if rows else now


def take(target_id: int, *, limit: int, retries: int, probe: bool, now: datetime, until: datetime) -> list[Taken]:
    """Lease heads step by step, behind the lock of the target's health: SQLite's way, whose immediate transaction has
    the whole file to itself, and that of the one probe of an open target.
    """
    due = (
        ReplayItem.objects.filter(target=target_id, due_at__lte=now)
        .order_by("due_at")
        .select_for_update(skip_locked=True)
    )
    again = list(due.filter(state=ItemState.FAILED)[: min(retries, limit)])
    firsts = list(due.filter(state=ItemState.PENDING)[: limit - len(again)])
    taken: list[Taken] = []
    for item in [*again, *firsts]:
        token = uuid.uuid4()
        ReplayItem.objects.filter(pk=item.pk).update(
            state=ItemState.LEASED,
            lease_token=token,
            lease_until=until,
            due_at=None,
            is_probe=probe,
            tries=F("tries") + 1,
            attempts=F("attempts") + (0 if probe else 1),
        )
        counted = item.attempts + (0 if probe else 1)
        taken.append((item.pk, token, item.tries + 1, counted, item.state == ItemState.FAILED))
    log = [(pk, number, token) for pk, token, number, _, _ in taken]
    Attempt.objects.bulk_create(
        Attempt(item_id=pk, number=number, lease_token=token, is_probe=probe, started_at=now)
        for pk, number, token in log
    )
    return taken
