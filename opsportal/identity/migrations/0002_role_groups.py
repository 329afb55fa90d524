"""The four roles as groups, so that a fresh database knows them before anybody signs in."""

from typing import Any

from django.db import migrations

NAMES = ("Viewer", "Analyst", "Ops lead", "Admin")


def make(apps: Any, schema_editor: Any) -> None:
    group = apps.get_model("auth", "Group")
    for name in NAMES:
        group.objects.get_or_create(name=name)


def remove(apps: Any, schema_editor: Any) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=NAMES).delete()


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(make, remove)]
