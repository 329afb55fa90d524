"""Which database the tests run on, and how it is emptied between tests that commit.

Everything happens before Django's settings load; with pytest-xdist the controller decides the kind, and every worker
has a PostgreSQL cluster of its own, or a file of its own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.core import serializers
from django.core.management.commands import flush

from tests.postgres import postgres_url

CHOICES = ("sqlite", "postgres")
# What a developer has set for their own server has no say in tests.
FOREIGN = (
    "DATABASE_URL",
    "MIGRATION_DATABASE_URL",
    "DEBUG",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "EMAIL_URL",
    "SLACK_BOT_TOKEN",
)
# Filled by Django itself after migrating; permissions of groups point at their keys, so a flush leaves them standing.
NEVER_EMPTIED = {"django_content_type", "auth_permission", "django_migrations"}


PREFIX = "opsportal-test-"


class TestDatabase:
    """Lives from the moment the option is known until the run ends, Ctrl-C included."""

    __test__ = False

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._ends = ExitStack()

    def start(self) -> None:
        for name in [*FOREIGN, *(name for name in os.environ if name.startswith("OPSPORTAL_"))]:
            os.environ.pop(name, None)
        remove_leftovers()
        directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._ends.callback(shutil.rmtree, directory, ignore_errors=True)
        os.environ["OPSPORTAL_TEST_DIRECTORY"] = str(directory)
        if self.kind == "postgres":
            os.environ["DATABASE_URL"] = self._ends.enter_context(postgres_url())
        else:
            os.environ["DATABASE_URL"] = f"sqlite:///{directory / 'development.sqlite3'}"

    def stop(self) -> None:
        self._ends.close()


def remove_leftovers() -> None:
    """Directories of runs that were killed before they could remove them."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = directory.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc").exists():
            shutil.rmtree(directory, ignore_errors=True)


def name_test_file(settings: Any) -> None:
    """SQLite tests use a file in WAL mode as the demo does: threads and processes share it, memory they could not."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(Path(os.environ["OPSPORTAL_TEST_DIRECTORY"]) / "test.sqlite3")


def flush_to_migrated_state(connection: Any) -> None:
    """Make Django's flush leave exactly what the migrations left.

    Stock flushing stumbles over append-only triggers and drops rows that data migrations made (a starter calendar).
    """
    operations, migrated = connection.ops, _migrated_rows(connection)
    empty, execute = operations.sql_flush, operations.execute_sql_flush

    def sql_flush(style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        tables = [table for table in tables if table not in NEVER_EMPTIED]
        return (
            _delete_filled(connection, tables) if connection.vendor == "postgresql" else empty(style, tables, **options)
        )

    def execute_sql_flush(statements: Sequence[str]) -> None:
        with _triggers_off(connection, statements):
            execute(statements)
        connection.creation.deserialize_db_from_string(migrated)

    operations.sql_flush, operations.execute_sql_flush = sql_flush, execute_sql_flush
    # What receivers of this signal would make again has just been restored.
    flush.emit_post_migrate_signal = lambda *_, **__: None  # type: ignore[attr-defined]


def _delete_filled(connection: Any, tables: Sequence[str]) -> list[str]:
    """DELETE from the few tables that hold something: TRUNCATE of all of them makes every commit test slower."""
    return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in _filled(connection, tables)]


def _filled(connection: Any, tables: Iterable[str]) -> list[str]:
    quote = connection.ops.quote_name
    probes = [f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(probes) or "SELECT NULL LIMIT 0")
        return [table for (table,) in cursor.fetchall()]


@contextmanager
def _triggers_off(connection: Any, statements: Sequence[str]) -> Any:
    run = _on_postgres if connection.vendor == "postgresql" else _on_sqlite
    with run(connection, " ".join(statements)):
        yield


@contextmanager
def _on_postgres(connection: Any, statements: str) -> Any:
    """As a replica ordinary triggers rest, and foreign keys with them; those made to fire always are switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger WHERE tgenabled = 'A'")
        always = [(table, name) for table, name in cursor.fetchall() if table in statements]
        cursor.execute("SET session_replication_role = replica")
        for table, name in always:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        try:
            yield
        finally:
            for table, name in always:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
            cursor.execute("SET session_replication_role = origin")


@contextmanager
def _on_sqlite(connection: Any, statements: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger'")
        triggers = [(name, sql) for name, sql, table in cursor.fetchall() if table in statements]
        for name, _ in triggers:
            cursor.execute(f'DROP TRIGGER "{name}"')
        try:
            yield
        finally:
            for _, statement in triggers:
                cursor.execute(statement)


def _migrated_rows(connection: Any) -> str:
    """What the migrations left, serialised; only filled tables are read, so a half-built room disturbs no other."""
    from django.apps import apps

    filled = set(_filled(connection, set(connection.introspection.table_names()) - NEVER_EMPTIED))
    models = [model for model in apps.get_models() if model._meta.db_table in filled]
    return serializers.serialize("json", (row for model in models for row in model._base_manager.order_by("pk")))
