"""Text in subjects is found by trigrams on PostgreSQL. Without the right to add pg_trgm the search reads the table."""

from django.db import Error, migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# As `icontains` is written in SQL, and by no other expression, is the index found.
INDEX = "CREATE INDEX {name} ON handoffs_handoff USING gin (upper(subject::text) gin_trgm_ops)"
NAME = "handoffs_subject_trigrams"


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except Error as error:
        print(f"\n  Without pg_trgm the search for text is slow in large tables ({str(error).splitlines()[0]}).")
        return
    schema_editor.execute(INDEX.format(name=NAME))


def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The extension stays: something else may use it by now."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {NAME}")


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0005_reference_index")]

    operations = [migrations.RunPython(add, remove)]
