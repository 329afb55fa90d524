"""The only place that asks what time it is.

Below the interfaces `now` is an argument; interfaces and sweeps call one of these two functions.
"""

from datetime import UTC, datetime

from django.db import connection


def now() -> datetime:
    """The present instant of this process, aware, in UTC."""
    return datetime.now(UTC)


def database_now() -> datetime:
    """The present instant as the database sees it, aware, in UTC.

    Sweeps decide by this one: with several hosts, a worker whose clock is wrong decides nothing.
    SQLite has no clock of its own beyond the process's, so there the process answers.
    """
    if connection.vendor != "postgresql":
        return now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        instant: datetime = cursor.fetchone()[0]
    return instant.astimezone(UTC)
