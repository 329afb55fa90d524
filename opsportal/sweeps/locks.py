"""Waiting for a lock that somebody else holds: not for long, and told apart from a database that is away."""

import sqlite3
from datetime import timedelta

from django.db import Error, connection

LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's SQLSTATE


def wait_at_most(limit: timedelta) -> None:
    """From here on this connection gives up a lock after `limit`. SQLite's busy timeout stands in the settings."""
    if connection.vendor == "postgresql":
        milliseconds = max(1, int(limit.total_seconds() * 1000))  # 0 would mean for ever
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(milliseconds)])


def is_held_up(error: Error) -> bool:
    """Whether a statement failed because somebody else kept a lock, while the database itself answers."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return getattr(cause, "sqlstate", None) == LOCK_NOT_AVAILABLE
