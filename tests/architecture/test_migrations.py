"""All migrations forward, back to nothing, and forward again, on a database of their own."""

import sqlite3
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.postgres import connect

BACK_TO_NOTHING = """
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
executor.migrate([(label, None) for label in executor.loader.migrated_apps])
"""
# What stands in a database beside Django's own history: tables, triggers, functions, types of ours.
SQLITE_OBJECTS = "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND type <> 'index'"
POSTGRES_OBJECTS = """
SELECT 'table ' || tablename FROM pg_tables WHERE schemaname = 'public'
UNION ALL SELECT 'view ' || viewname FROM pg_views WHERE schemaname = 'public'
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
"""

Manage = Callable[..., subprocess.CompletedProcess[str]]


def _objects(url: str) -> set[str]:
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as session:
            return {name for (name,) in session.execute(SQLITE_OBJECTS)}
    with connect(url) as session:
        return {name for (name,) in session.execute(POSTGRES_OBJECTS)}


@pytest.fixture
def migrated(empty_database: str, manage: Manage) -> str:
    manage("migrate", "--verbosity", "0", database=empty_database)
    return empty_database


def test_every_migration_goes_back_and_leaves_nothing(migrated: str, manage: Manage) -> None:
    before = _objects(migrated)
    manage("shell", "--no-imports", "--command", BACK_TO_NOTHING, database=migrated)
    assert _objects(migrated) == {"table django_migrations"}
    manage("migrate", "--verbosity", "0", database=migrated)
    assert _objects(migrated) == before


def test_it_would_see_what_a_migration_leaves_behind(empty_database: str, manage: Manage, request: Any) -> None:
    if request.config.getoption("--db") == "sqlite":
        with sqlite3.connect(empty_database.removeprefix("sqlite:///")) as session:
            session.execute("CREATE TABLE stray (id integer)")
            session.execute("CREATE TRIGGER guard BEFORE DELETE ON stray BEGIN SELECT 1; END")
        assert _objects(empty_database) == {"table stray", "trigger guard"}
    else:
        with connect(empty_database) as session:
            session.execute("CREATE FUNCTION refuse() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            session.execute("CREATE TYPE mood AS ENUM ('good')")
        assert _objects(empty_database) == {"function refuse", "type mood"}
