import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("slos", "0004_rollups"),
    ]

    operations = [
        migrations.CreateModel(
            name="Fact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=200, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("heartbeat_down", "heartbeat_down"),
                            ("run_stuck", "run_stuck"),
                            ("runaway_loop", "runaway_loop"),
                            ("retry_storm", "retry_storm"),
                            ("empty_output", "empty_output"),
                            ("silence", "silence"),
                            ("queue_depth", "queue_depth"),
                            ("run_limit", "run_limit"),
                            ("burn", "burn"),
                            ("exhausted", "exhausted"),
                            ("volume", "volume"),
                            ("error_drift", "error_drift"),
                            ("release_watch", "release_watch"),
                            ("credential_expiry", "credential_expiry"),
                            ("cost", "cost"),
                            ("policy", "policy"),
                        ],
                        max_length=20,
                    ),
                ),
                ("team", models.CharField(blank=True, max_length=60)),
                ("sentence", models.CharField(max_length=240)),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                ("occurred_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("noticed_at", models.DateTimeField()),
                ("grace_until", models.DateTimeField()),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_by", models.CharField(blank=True, max_length=150)),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolution", models.CharField(blank=True, max_length=240)),
                ("data", models.JSONField(blank=True, default=dict)),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="facts",
                        to="catalog.automation",
                    ),
                ),
                (
                    "heartbeat",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="facts",
                        to="slos.heartbeat",
                    ),
                ),
                (
                    "slo",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="facts",
                        to="slos.slo",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddIndex(
            model_name="fact",
            index=models.Index(
                condition=models.Q(("claimed_at", None), ("resolved_at", None), ("told_at", None)),
                fields=["grace_until"],
                name="slos_fact_unheard",
            ),
        ),
        migrations.AddIndex(
            model_name="fact",
            index=models.Index(
                condition=models.Q(("claimed_at", None), ("resolved_at", None)),
                fields=["id"],
                name="slos_fact_unclaimed",
            ),
        ),
        migrations.AddIndex(
            model_name="fact",
            index=models.Index(fields=["automation", "kind", "occurred_at"], name="slos_fact_automation"),
        ),
        migrations.AddIndex(
            model_name="fact",
            index=models.Index(condition=models.Q(("ended_at", None)), fields=["kind"], name="slos_fact_going_on"),
        ),
        migrations.AddConstraint(
            model_name="fact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("claimed_at", None), ("claimed_by", "")),
                    models.Q(("claimed_at__isnull", False), models.Q(("claimed_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="slos_fact_claimed_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="fact",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at", None), ("ended_at__gte", models.F("occurred_at")), _connector="OR"),
                name="slos_fact_ends_after_start",
            ),
        ),
    ]
