"""Counting requests must not cost a flush to disk: PostgreSQL keeps the counters out of its log."""

from typing import Any

from django.db import migrations


def unlog(apps: Any, schema_editor: Any) -> None:
    _alter(schema_editor, "UNLOGGED")


def log(apps: Any, schema_editor: Any) -> None:
    _alter(schema_editor, "LOGGED")


def _alter(schema_editor: Any, kind: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE api_window SET {kind}")


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]
    operations = [migrations.RunPython(unlog, log)]
