"""A version never changes: processes remember what it says, and deadlines are explained by it."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

COLUMNS = "calendar_id, number, timezone, weekly, overrides, override_names, closures, created_at"
POSTGRESQL = [
    """
    CREATE FUNCTION calendars_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a calendar version never changes; add a new one' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    f"""
    CREATE TRIGGER calendars_version_stays BEFORE UPDATE OF {COLUMNS} ON calendars_calendarversion
    FOR EACH ROW EXECUTE FUNCTION calendars_version_stays()
    """,
]
SQLITE = [
    f"""
    CREATE TRIGGER calendars_version_stays BEFORE UPDATE OF {COLUMNS} ON calendars_calendarversion
    BEGIN SELECT RAISE(ABORT, 'a calendar version never changes; add a new one'); END
    """,
]


def install(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER calendars_version_stays ON calendars_calendarversion")
        schema_editor.execute("DROP FUNCTION calendars_version_stays()")
    else:
        schema_editor.execute("DROP TRIGGER calendars_version_stays")


class Migration(migrations.Migration):
    dependencies = [("calendars", "0002_starter_calendar")]
    operations = [migrations.RunPython(install, remove)]
