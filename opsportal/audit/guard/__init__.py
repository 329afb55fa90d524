"""What keeps the trail append-only inside the database: triggers on both databases, on PostgreSQL also privileges.

The statements stand in postgres.py and sqlite.py; here is what the migration, the checks and the commands call.
"""

from typing import Any

from django.db.migrations.recorder import MigrationRecorder

from opsportal.audit.guard import postgres, sqlite

MIGRATION = ("audit", "0002_append_only")


def install(connection: Any) -> None:
    """Create what is missing of the triggers (and PostgreSQL's functions). May be repeated."""
    module = postgres if connection.vendor == "postgresql" else sqlite
    with connection.cursor() as cursor:
        for statement in module.install_statements(cursor):
            cursor.execute(statement)


def remove(connection: Any) -> None:
    """Take all of it away again, for the reverse migration."""
    module = postgres if connection.vendor == "postgresql" else sqlite
    with connection.cursor() as cursor:
        for statement in module.remove_statements():
            cursor.execute(statement)


def missing(connection: Any) -> list[str]:
    """Names of triggers and functions that are absent, switched off or not what install() made."""
    with connection.cursor() as cursor:
        return postgres.missing(cursor) if connection.vendor == "postgresql" else sqlite.missing(cursor)


def is_installed(connection: Any) -> bool:
    """Whether the migration that installs the guard has been applied here."""
    recorder = MigrationRecorder(connection)
    return recorder.has_table() and MIGRATION in recorder.applied_migrations()


def grant(connection: Any, role: str) -> None:
    """Give the runtime role what the portal needs and no more: rows everywhere, append and read on the trail.

    Run by the owner after each migration (PostgreSQL only): a table made later gives nothing until it is run again.
    """
    with connection.cursor() as cursor:
        for statement in postgres.grant_statements(cursor, connection.ops.quote_name(role)):
            cursor.execute(statement)


def can_rewrite(connection: Any) -> bool:
    """Whether only the triggers stand between the connected role and the trail (PostgreSQL only)."""
    with connection.cursor() as cursor:
        return postgres.can_rewrite(cursor)
