from decimal import Decimal

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
                ("episode", models.CharField(blank=True, max_length=120)),
                ("team", models.CharField(blank=True, max_length=60)),
                ("sentence", models.CharField(max_length=240)),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                ("occurred_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("noticed_at", models.DateTimeField()),
                ("grace_until", models.DateTimeField()),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
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
        migrations.AddIndex(
            model_name="fact",
            index=models.Index(
                condition=models.Q(("closed_at", None), ("ended_at__isnull", False), ("told_at__isnull", False)),
                fields=["ended_at"],
                name="slos_fact_to_close",
            ),
        ),
        migrations.AddConstraint(
            model_name="fact",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None), models.Q(("episode", ""), _negated=True)),
                fields=("episode",),
                name="slos_fact_one_episode",
            ),
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
        migrations.CreateModel(
            name="Watch",
            fields=[
                (
                    "automation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="watch",
                        serialize=False,
                        to="catalog.automation",
                    ),
                ),
                ("watches_volume", models.BooleanField(default=True)),
                (
                    "volume_rule",
                    models.CharField(
                        choices=[("test", "test"), ("factor", "factor"), ("both", "both")], default="test", max_length=6
                    ),
                ),
                ("volume_factor", models.DecimalField(decimal_places=2, default=Decimal("3"), max_digits=6)),
                ("watches_drift", models.BooleanField(default=True)),
                ("drift_factor", models.DecimalField(decimal_places=2, default=Decimal("2"), max_digits=6)),
                ("false_alarms_per_year", models.DecimalField(decimal_places=2, default=Decimal("2"), max_digits=6)),
                ("looked_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "watches",
            },
        ),
        migrations.AddIndex(
            model_name="watch",
            index=models.Index(fields=["looked_until"], name="slos_watch_looked"),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.CheckConstraint(
                condition=models.Q(("drift_factor__gt", 1), ("false_alarms_per_year__gt", 0), ("volume_factor__gt", 1)),
                name="slos_watch_can_fire",
            ),
        ),
    ]
