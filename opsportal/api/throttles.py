"""Limits that hold across processes: one row a bucket in the database, counted by one statement.

The window begins with the first request after the last one ended, so a bucket is one row that is used again. On
PostgreSQL the table is unlogged: counting costs no flush, and a crash merely forgets the current minute.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from opsportal import clock
from opsportal.api.errors import SAFE_METHODS
from opsportal.api.models import Window
from opsportal.api.permissions import credential_of, principal_of

WINDOW = timedelta(minutes=1)
PRUNE_BATCH = 1000

COUNT = """
    INSERT INTO api_window AS w (bucket, began_at, count) VALUES (%s, %s, 1)
    ON CONFLICT (bucket) DO UPDATE SET
        count = CASE WHEN w.began_at > %s THEN w.count + 1 ELSE 1 END,
        began_at = CASE WHEN w.began_at > %s THEN w.began_at ELSE excluded.began_at END
    RETURNING count, began_at
"""


def count(bucket: str, now: datetime) -> tuple[int, datetime]:
    """Count one occurrence; answers how many the current window has seen, this one included, and when it ends."""
    at, horizon = (connection.ops.adapt_datetimefield_value(instant) for instant in (now, now - WINDOW))
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [bucket, at, horizon, horizon])
        seen, began_at = cursor.fetchone()
    if isinstance(began_at, str):  # SQLite keeps times as text
        began_at = datetime.fromisoformat(began_at)
    return seen, began_at.replace(tzinfo=began_at.tzinfo or now.tzinfo) + WINDOW


def prune(now: datetime) -> int:
    """Forget buckets that nobody touched for a day; one bounded batch, returns how many went."""
    old = Window.objects.filter(began_at__lt=now - timedelta(days=1)).values_list("pk", flat=True)[:PRUNE_BATCH]
    deleted, _ = Window.objects.filter(pk__in=list(old)).delete()
    return deleted


class WriteThrottle(BaseThrottle):
    """At most `API_WRITES_PER_MINUTE` writing requests for each credential; the answer beyond it is 429."""

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        principal = principal_of(request)
        if request.method in SAFE_METHODS or principal is None:
            return True
        now = clock.now()
        seen, ends_at = count(f"writes:{credential_of(principal)}", now)
        self._wait = (ends_at - now).total_seconds()
        return bool(seen <= settings.API_WRITES_PER_MINUTE)

    def wait(self) -> float:
        return self._wait
