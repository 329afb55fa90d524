"""The calendar that is always there: open around the clock."""

from datetime import UTC, datetime

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    calendar, _ = apps.get_model("calendars", "Calendar").objects.get_or_create(
        slug="24x7", defaults={"name": "Around the clock", "created_at": at}
    )
    weekly = {day: [["00:00", "24:00"]] for day in DAYS}
    apps.get_model("calendars", "CalendarVersion").objects.get_or_create(
        calendar=calendar,
        number=1,
        defaults={"timezone": "UTC", "weekly": weekly, "note": "Open at all times.", "created_at": at},
    )


class Migration(migrations.Migration):
    dependencies = [("calendars", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
