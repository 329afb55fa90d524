import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_initial"),
        ("handoffs", "0009_late_arrivals"),
        ("identity", "0002_role_groups"),
        ("integrations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("run_id", models.CharField(max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "running"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("occurred_at", models.DateTimeField(blank=True, null=True)),
                ("duration_ms", models.BigIntegerField(blank=True, null=True)),
                ("correlation_id", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=200)),
                ("payload_bytes", models.BigIntegerField(blank=True, null=True)),
                ("error_type", models.CharField(blank=True, max_length=120)),
                ("error_message", models.CharField(blank=True, max_length=2000)),
                ("attempt", models.PositiveIntegerField(default=1)),
                ("retries", models.PositiveIntegerField(default=0)),
                ("compensated", models.BooleanField(default=False)),
                ("interventions", models.PositiveIntegerField(default=0)),
                ("version", models.CharField(blank=True, max_length=60)),
                ("environment", models.CharField(blank=True, max_length=60)),
                ("trigger", models.CharField(blank=True, max_length=20)),
                ("cost", models.DecimalField(blank=True, decimal_places=6, max_digits=14, null=True)),
                ("items_out", models.BigIntegerField(blank=True, null=True)),
                ("tags", models.JSONField(blank=True, default=dict)),
                ("steps", models.JSONField(blank=True, default=list)),
                ("body_hash", models.BinaryField(default=bytes, max_length=32)),
                ("said", models.PositiveIntegerField(default=0)),
                ("received_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "automation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="catalog.automation",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RunHorizon",
            fields=[
                (
                    "automation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="run_horizon",
                        serialize=False,
                        to="catalog.automation",
                    ),
                ),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="QueueGauge",
            fields=[
                (
                    "automation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="queue_gauge",
                        serialize=False,
                        to="catalog.automation",
                    ),
                ),
                ("depth", models.PositiveBigIntegerField()),
                ("oldest_age_seconds", models.PositiveBigIntegerField(blank=True, null=True)),
                ("reported_at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["automation", "started_at"], name="slos_run_started"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["automation", "finished_at"], name="slos_run_finished"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("status", "running")), fields=["started_at"], name="slos_run_running"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("correlation_id", ""), _negated=True),
                fields=["correlation_id"],
                name="slos_run_correlation",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(fields=("automation", "run_id"), name="slos_run_key"),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["running", "succeeded", "failed", "cancelled"])),
                name="slos_run_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("status", "running")),
                    models.Q(
                        models.Q(("status", "running"), _negated=True), ("finished_at__gte", models.F("started_at"))
                    ),
                    _connector="OR",
                ),
                name="slos_run_ends_after_start",
            ),
        ),
    ]
