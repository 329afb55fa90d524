import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("slos", "0006_policies"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExportedTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("totals", models.JSONField(default=dict)),
                ("days", models.JSONField(default=dict)),
                ("gauges", models.JSONField(default=dict)),
                ("updated_at", models.DateTimeField()),
                (
                    "automation",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exported_total",
                        to="catalog.automation",
                    ),
                ),
                (
                    "slo",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exported_total",
                        to="slos.slo",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("automation__isnull", False), ("slo", None)),
                            models.Q(("automation", None), ("slo__isnull", False)),
                            _connector="OR",
                        ),
                        name="slos_total_of_one_thing",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UnmatchedReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("workflow_id", models.CharField(max_length=100)),
                ("workflow_name", models.CharField(blank=True, max_length=200)),
                ("run_id", models.CharField(max_length=200)),
                ("run", models.JSONField()),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                ("received_at", models.DateTimeField()),
                (
                    "integration",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unmatched",
                        to="integrations.integration",
                    ),
                ),
            ],
            options={
                "ordering": ["-received_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("integration", "workflow_id", "run_id"), name="slos_unmatched_once")
                ],
            },
        ),
    ]
