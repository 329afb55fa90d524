"""The hit rate by day. Every day there is starts dirty, so that the first sweep adds it up."""

from datetime import UTC, timedelta

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.functions import TruncDate

COUNTS = (
    "n",
    "excluded",
    "strict_misses",
    "business_evaluated",
    "business_hits",
    "absolute_evaluated",
    "absolute_hits",
    "in_hours_evaluated",
    "in_hours_hits",
    "measured",
)


def mark_all(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Earlier cycles did not keep from when on a stop was a miss: it is known to be no later than their stop."""
    handoff, past, dirty = (apps.get_model("handoffs", name) for name in ("Handoff", "PastCycle", "DirtyDay"))
    past.objects.filter(missed=True).update(missed_from=models.F("completed_at"))
    day = TruncDate("started_at", tzinfo=UTC)
    days = set(handoff.objects.order_by().annotate(day=day).values_list("rule_id", "day").distinct())
    days |= set(past.objects.order_by().annotate(day=day).values_list("handoff__rule_id", "day").distinct())
    dirty.objects.bulk_create([dirty(rule_id=rule, day=on) for rule, on in sorted(days)], batch_size=1_000)


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0007_breach_reasons")]

    operations = [
        migrations.CreateModel(
            name="RateDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("dimension", models.CharField(blank=True, max_length=24)),
                ("value", models.CharField(blank=True, max_length=240)),
                ("reason", models.CharField(blank=True, max_length=240)),
                *((name, models.IntegerField()) for name in COUNTS),
                *((name, models.DurationField(default=timedelta)) for name in ("ingest", "routing", "human")),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="handoffs.rule",
                    ),
                ),
            ],
            options={
                "ordering": ["rule", "day", "dimension", "value"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rule", "dimension", "day", "value", "reason"), name="handoffs_rate_day"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DirtyDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "rule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="handoffs.rule",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.AddField("pastcycle", "missed_from", models.DateTimeField(null=True)),
        migrations.RunPython(mark_all, migrations.RunPython.noop),
    ]
