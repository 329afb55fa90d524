"""Taking heads of lanes, in SQL. On PostgreSQL one statement leases them and writes their attempts.

The due index holds heads only (runbooks.queue.lanes), so what a claim costs follows what it takes, not what waits.
"""

import uuid
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F

from runbooks.models import Attempt, ReplayItem
from runbooks.states import ItemState

Taken = tuple[uuid.UUID, uuid.UUID, int, int, bool]

# Retries first, as many as the budget allows: they have waited longest. Rows somebody else has in hand are passed over.
_TAKE = """
WITH again AS MATERIALIZED (
    SELECT id FROM runbooks_replayitem
    WHERE target_id = %(target)s AND state = 'failed' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(retries)s FOR UPDATE SKIP LOCKED
), firsts AS MATERIALIZED (
    SELECT id FROM runbooks_replayitem
    WHERE target_id = %(target)s AND state = 'pending' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(limit)s - (SELECT count(*) FROM again) FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE runbooks_replayitem AS item
    SET state = 'leased', lease_token = gen_random_uuid(), lease_until = %(until)s, due_at = NULL,
        is_probe = %(probe)s, tries = tries + 1, attempts = attempts + %(counts)s
    FROM (SELECT id, TRUE AS again FROM again UNION ALL SELECT id, FALSE FROM firsts) AS taken
    WHERE item.id = taken.id
    RETURNING item.id, item.lease_token, item.tries, item.attempts, taken.again, item.received_at
), logged AS (
    INSERT INTO runbooks_attempt (item_id, number, lease_token, is_probe, started_at, outcome, answer, was_late)
    SELECT id, tries, lease_token, %(probe)s, %(now)s, '', '', FALSE FROM leased
)
SELECT id, lease_token, tries, attempts, again FROM leased ORDER BY again DESC, received_at, id
"""


def take_on_postgres(
    target_id: int, *, limit: int, retries: int, probe: bool, now: datetime, until: datetime
) -> list[Taken]:
    values: dict[str, Any] = {"target": target_id, "limit": limit, "retries": min(retries, limit)}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {**values, "now": now, "until": until, "probe": probe, "counts": 0 if probe else 1})
        return [(pk, token, number, attempts, again) for pk, token, number, attempts, again in cursor.fetchall()]


def take_on_sqlite(
    target_id: int, *, limit: int, retries: int, probe: bool, now: datetime, until: datetime
) -> list[Taken]:
    """The same in steps: the immediate transaction around it has the whole file to itself, so nothing can come between
    and there is nothing to skip.
    """
    due = ReplayItem.objects.filter(target=target_id, due_at__lte=now).order_by("due_at")
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
