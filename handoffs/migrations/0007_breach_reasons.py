"""Reasons as a managed list, with what most teams start from; and the index that finds what ran out in a week."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

STARTERS = {
    "owner-in-meetings": "Owner in meetings",
    "nobody-at-lunch": "Nobody at lunch",
    "owner-away": "Owner away, backup not told",
    "wrong-region": "Routed to the wrong region",
    "closing-time": "Arrived at closing time",
    "slow-system": "CRM was slow",
    "too-many-at-once": "Too many at once",
    "unclear-owner": "Unclear who owns it",
    "timer-too-short": "The timer is too short for this",
}


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    reasons = apps.get_model("handoffs", "BreachReason").objects
    for number, (slug, label) in enumerate(STARTERS.items(), start=1):
        reasons.get_or_create(slug=slug, defaults={"label": label, "position": number * 10})


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0006_subject_trigrams")]

    operations = [
        migrations.CreateModel(
            name="BreachReason",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("label", models.CharField(max_length=120)),
                ("also", models.JSONField(blank=True, default=list)),
                ("active", models.BooleanField(default=True)),
                ("position", models.PositiveSmallIntegerField(default=100)),
            ],
            options={
                "ordering": ["position", "label"],
                "constraints": [models.UniqueConstraint(models.functions.Lower("label"), name="handoffs_reason_label")],
            },
        ),
        migrations.AddIndex(
            "handoff",
            models.Index(fields=["missed_from"], name="handoffs_missed", condition=models.Q(("missed", True))),
        ),
        migrations.AddIndex(
            "handoff",
            models.Index(fields=["breached_from"], name="handoffs_breached", condition=models.Q(("breached", True))),
        ),
        migrations.AddIndex(
            "handoff",
            models.Index(fields=["breach_reason"], name="handoffs_reason", condition=~models.Q(("breach_reason", ""))),
        ),
        migrations.RunPython(add, migrations.RunPython.noop),
    ]
