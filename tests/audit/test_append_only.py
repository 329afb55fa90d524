"""The database itself refuses to change the trail: row by row, table by table, whoever asks."""

from io import StringIO
from typing import Any, cast

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from opsportal.audit import checks, guard
from opsportal.audit.engine import Subject
from opsportal.audit.models import Detail, Entry, Seal
from opsportal.audit.operations import erase_details, record
from opsportal.audit.sealer import seal_entries
from opsportal.audit.verification import verify
from tests.factories.audit import KIM, NOW, behind_the_guard, draft, write

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENTS = [
    "UPDATE audit_entry SET action = 'probe.forged'",
    "DELETE FROM audit_entry",
    "UPDATE audit_seal SET root = previous",
    "DELETE FROM audit_seal",
    "UPDATE audit_detail SET body = '{}'",
    "UPDATE audit_detail SET erased_at = '2026-11-03 09:00:00'",
    "UPDATE audit_detail SET salt = ''",
    "DELETE FROM audit_detail",
]
SQLITE_STATEMENTS = [
    "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
    "REPLACE INTO audit_seal SELECT * FROM audit_seal",
    "INSERT OR REPLACE INTO audit_detail SELECT * FROM audit_detail",
    "UPDATE OR REPLACE audit_entry SET id = id + 1",
    "INSERT INTO audit_detail SELECT entry_id, '', salt, erased_at FROM audit_detail WHERE true"
    " ON CONFLICT (entry_id) DO UPDATE SET body = excluded.body",
]
POSTGRES_STATEMENTS = [
    "TRUNCATE audit_entry CASCADE",
    "TRUNCATE audit_detail",
    "TRUNCATE audit_seal",
    "INSERT INTO audit_entry (id) VALUES (1)",
]

only_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own dangers")
only_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own powers")


def refused(statement: str) -> None:
    before = list(Entry.objects.values_list()), list(Detail.objects.values_list()), list(Seal.objects.values_list())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    after = list(Entry.objects.values_list()), list(Detail.objects.values_list()), list(Seal.objects.values_list())
    assert [*map(_plain, before)] == [*map(_plain, after)]


def _plain(rows):
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_it_refuses_to_rewrite(statement):
    write(3)
    seal_entries(NOW)
    refused(statement)


@only_sqlite
@pytest.mark.parametrize("statement", SQLITE_STATEMENTS)
def test_sqlite_refuses_what_passes_delete_triggers(statement):
    write(3)
    seal_entries(NOW)
    refused(statement)


@only_sqlite
def test_sqlite_refuses_an_entry_before_the_newest():
    write(2)
    with behind_the_guard() as cursor:
        cursor.execute("DELETE FROM audit_detail WHERE entry_id = (SELECT min(id) FROM audit_entry)")
        cursor.execute("DELETE FROM audit_entry WHERE id = (SELECT min(id) FROM audit_entry)")
    gap = Entry.objects.get().pk - 1
    columns = [f.column for f in Entry._meta.concrete_fields if f.column != "id"]
    refused(f"INSERT INTO audit_entry (id, {', '.join(columns)}) SELECT {gap}, {', '.join(columns)} FROM audit_entry")


@only_postgres
@pytest.mark.parametrize("statement", POSTGRES_STATEMENTS)
def test_postgres_refuses_the_owner(statement):
    write(3)
    seal_entries(NOW)
    refused(statement)


@only_postgres
def test_a_replica_role_does_not_get_around_the_triggers():
    write()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            refused("UPDATE audit_entry SET action = 'probe.forged'")
        finally:
            cursor.execute("SET session_replication_role = origin")


def rebuild(model: Any, name: str, new: Any) -> None:
    """What a migration that alters a field does on SQLite: copy into a new table, drop the old one, rename."""
    new.set_attributes_from_name(name)
    new.model = model
    with connection.schema_editor() as editor:
        cast(Any, editor)._remake_table(model, alter_fields=[(model._meta.get_field(name), new)])


@only_sqlite
def test_a_rebuilt_detail_table_gets_its_triggers_back():
    write(2)
    rebuild(Detail, "body", models.TextField(blank=True, default=""))
    assert "audit_detail_blank" in guard.missing(connection)
    call_command("migrate", verbosity=0, skip_checks=True)
    assert guard.missing(connection) == []


@only_sqlite
def test_a_rebuilt_table_gets_its_triggers_back_with_the_next_migrate():
    write(2)
    rebuild(Entry, "rule", models.CharField(max_length=90, blank=True))
    assert "audit_entry_update" in guard.missing(connection)
    assert not verify().is_intact
    assert [error.id for error in checks.check_guard(databases=["default"])] == ["audit.E001"]
    call_command("migrate", verbosity=0, skip_checks=True)
    assert guard.missing(connection) == []
    assert verify().is_intact
    refused("UPDATE audit_entry SET action = 'probe.forged'")


@pytest.mark.parametrize("name", ["audit_entry_rows", "audit_detail_blank", "audit_seal_rows"])
@only_postgres
def test_a_missing_trigger_is_told_on_postgres(name):
    table = name.rsplit("_", 1)[0]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    assert guard.missing(connection) == [name]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name} ON {table}")
    assert guard.missing(connection) == [name]
    assert [error.id for error in checks.check_guard(databases=["default"])] == ["audit.E001"]
    assert verify().problems[0].kind == "guard"
    call_command("protect_audit", stdout=StringIO())
    assert guard.missing(connection) == []


@only_postgres
def test_a_trigger_that_does_nothing_is_told():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
        )
    assert guard.missing(connection) == ["audit_refuse"]
    call_command("protect_audit", stdout=StringIO())
    assert guard.missing(connection) == []


@only_sqlite
def test_a_missing_trigger_is_told_on_sqlite():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_entry_replace")
    assert guard.missing(connection) == ["audit_entry_replace"]
    out = StringIO()
    call_command("protect_audit", stdout=out)
    assert "audit_entry_replace" in out.getvalue()
    assert guard.missing(connection) == []


def test_a_detail_may_be_blanked_once_and_on_record():
    [entry] = write()
    erase_details(
        subject=Subject("probe", "p"), entries=Entry.objects.filter(pk=entry.pk), actor=KIM, reason="Asked", now=NOW
    )
    refused(f"UPDATE audit_detail SET erased_at = '2027-01-01 00:00:00' WHERE entry_id = {entry.pk}")
    refused(f"UPDATE audit_detail SET body = 'x' WHERE entry_id = {entry.pk}")


@only_postgres
def test_the_record_of_an_erasure_cannot_be_erased():
    [entry] = write()
    erasure = erase_details(
        subject=Subject("probe", "p"), entries=Entry.objects.filter(pk=entry.pk), actor=KIM, reason="Asked", now=NOW
    )
    blank = "UPDATE audit_detail SET body = '', salt = '', erased_at = '2027-01-01 00:00:00'"
    refused(f"{blank} WHERE entry_id = {erasure.pk}")


# --- PostgreSQL: a runtime role that owns nothing ---


@pytest.fixture
def runtime():
    """A connection as the portal's own role in production."""
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS portal_runtime")
        cursor.execute("CREATE ROLE portal_runtime LOGIN")
    guard.grant(connection, "portal_runtime")
    parameters = connection.get_connection_params()
    keys = ("host", "port", "dbname")
    with psycopg.connect(
        **{key: parameters[key] for key in keys if parameters.get(key)}, user="portal_runtime", autocommit=True
    ) as session:
        yield session
    with connection.cursor() as cursor:
        cursor.execute("DROP OWNED BY portal_runtime")
        cursor.execute("DROP ROLE portal_runtime")


@only_postgres
@pytest.mark.parametrize("table", ["audit_entry", "audit_detail", "audit_seal"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_runtime_role_is_denied(runtime, table, statement):
    write()
    column = {"audit_entry": "action = ''", "audit_detail": "body = ''", "audit_seal": "spans = ''"}[table]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        runtime.execute(statement.format(table, column))


@only_postgres
@pytest.mark.parametrize("column", ["id", "xid", "cluster"])
def test_the_runtime_role_chooses_neither_id_nor_transaction(runtime, column):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute(f"INSERT INTO audit_entry ({column}) OVERRIDING SYSTEM VALUE VALUES (1)")


@only_postgres
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entry_rows ON audit_entry",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP TABLE audit_seal",
        "SELECT setval(pg_get_serial_sequence('audit_entry', 'id'), 1)",
    ],
)
def test_the_runtime_role_cannot_take_the_protection_away(runtime, statement):
    write()
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
        runtime.execute(statement)


@only_postgres
def test_the_runtime_role_records_seals_and_verifies(runtime):
    as_role("portal_runtime", lambda: write(3))
    as_role("portal_runtime", lambda: seal_entries(NOW))
    assert Seal.objects.get().entry_count == 3
    assert as_role("portal_runtime", verify).is_intact


@only_postgres
def test_the_runtime_role_erases_only_on_record(runtime):
    [entry] = write()
    with pytest.raises(psycopg.errors.RestrictViolation):
        runtime.execute("SELECT audit_blank(%s, %s, now())", [entry.pk, [entry.pk]])
    with pytest.raises(psycopg.errors.RestrictViolation):
        runtime.execute("SELECT audit_blank(%s, %s, now())", [earlier_erasure().pk, [entry.pk]])
    entries = Entry.objects.filter(pk=entry.pk)
    as_role(
        "portal_runtime",
        lambda: erase_details(subject=Subject("probe", "p"), entries=entries, actor=KIM, reason="Asked", now=NOW),
    )
    assert Detail.objects.get(pk=entry.pk).body == ""


@only_postgres
def test_a_temporary_table_does_not_fool_the_erasing_function(runtime):
    [entry] = write()
    runtime.execute(
        "CREATE TEMP TABLE audit_entry AS SELECT 1::bigint AS id, 'audit.erased'::text AS action,"
        " pg_current_xact_id()::text::bigint AS xid"
    )
    with pytest.raises(psycopg.errors.RestrictViolation), runtime.transaction():
        fool(runtime, entry)


def fool(runtime: Any, entry: Entry) -> None:
    runtime.execute("UPDATE pg_temp.audit_entry SET xid = pg_current_xact_id()::text::bigint")
    runtime.execute("SELECT audit_blank(1, %s, now())", [[entry.pk]])


def earlier_erasure() -> Entry:
    return record(draft(action="audit.erased", extra={"spans": []}))


def as_role(role, work):
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
        try:
            return work()
        finally:
            cursor.execute("RESET ROLE")


@only_postgres
def test_migrating_grants_the_runtime_role_its_rights(runtime, settings):
    with connection.cursor() as cursor:
        cursor.execute("DROP OWNED BY portal_runtime")
    settings.RUNTIME_ROLE = "portal_runtime"
    call_command("migrate", verbosity=0)
    runtime.execute("SELECT count(*) FROM identity_person")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        runtime.execute("DELETE FROM audit_entry")


@only_sqlite
def test_sqlite_has_no_roles_to_grant_to():
    with pytest.raises(CommandError, match="Only PostgreSQL"):
        call_command("protect_audit", role="portal_runtime", stdout=StringIO())


def test_a_second_seal_of_the_same_number_is_refused():
    write()
    seal = seal_entries(NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Seal(**{f.name: getattr(seal, f.name) for f in Seal._meta.fields}).save(force_insert=True)
