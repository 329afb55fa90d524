import uuid

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("slos", "0001_runs"),
    ]

    operations = [
        migrations.CreateModel(
            name="PingProject",
            fields=[
                (
                    "integration",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="ping_project",
                        serialize=False,
                        to="integrations.integration",
                    ),
                ),
                ("ping_key", models.CharField(max_length=22, unique=True)),
                ("readonly_key", models.CharField(max_length=32, unique=True)),
                ("badge_key", models.UUIDField(default=uuid.uuid4, unique=True)),
            ],
            options={
                "ordering": ["integration"],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9-]*\\Z", "Use lower-case letters, digits and hyphens."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=100)),
                ("code", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("badge_key", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("ping_slug", models.CharField(blank=True, max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[("simple", "simple"), ("cron", "cron"), ("oncalendar", "oncalendar")],
                        default="simple",
                        max_length=10,
                    ),
                ),
                ("timeout_seconds", models.PositiveIntegerField(default=86400)),
                ("grace_seconds", models.PositiveIntegerField(default=3600)),
                ("schedule", models.CharField(blank=True, max_length=1000)),
                ("timezone", models.CharField(default="UTC", max_length=60)),
                ("max_runtime_seconds", models.PositiveIntegerField(blank=True, null=True)),
                ("start_deadline_seconds", models.PositiveIntegerField(blank=True, null=True)),
                ("min_items", models.PositiveIntegerField(blank=True, null=True)),
                ("max_pings_per_hour", models.PositiveIntegerField(blank=True, null=True)),
                ("tags", models.CharField(blank=True, max_length=500)),
                ("description", models.TextField(blank=True, max_length=2000)),
                ("options", models.JSONField(blank=True, default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("new", "new"),
                            ("up", "up"),
                            ("late", "late"),
                            ("down", "down"),
                            ("paused", "paused"),
                            ("unknown", "unknown"),
                        ],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("last_ping_at", models.DateTimeField(blank=True, null=True)),
                ("last_start_at", models.DateTimeField(blank=True, null=True)),
                ("last_duration_ms", models.BigIntegerField(blank=True, null=True)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("down_at", models.DateTimeField(blank=True, null=True)),
                ("unknown_since", models.DateTimeField(blank=True, null=True)),
                ("ping_count", models.BigIntegerField(default=0)),
                ("missed_count", models.PositiveIntegerField(default=0)),
                ("minute_at", models.DateTimeField(blank=True, null=True)),
                ("minute_count", models.PositiveIntegerField(default=0)),
                ("hour_at", models.DateTimeField(blank=True, null=True)),
                ("hour_count", models.PositiveIntegerField(default=0)),
                ("runaway_since", models.DateTimeField(blank=True, null=True)),
                ("version", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="heartbeats",
                        to="catalog.automation",
                    ),
                ),
                (
                    "integration",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="heartbeats",
                        to="integrations.integration",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="heartbeats",
                        to="identity.team",
                    ),
                ),
            ],
            options={
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="Flip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("from_status", models.CharField(max_length=10)),
                ("to_status", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, max_length=120)),
                ("since", models.DateTimeField()),
                ("reported_at", models.DateTimeField(blank=True, null=True)),
                (
                    "heartbeat",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="flips",
                        to="slos.heartbeat",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="HeartbeatRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rid", models.UUIDField(default=uuid.UUID("00000000-0000-0000-0000-000000000000"))),
                ("started_at", models.DateTimeField()),
                ("deadline_at", models.DateTimeField()),
                (
                    "heartbeat",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="running",
                        to="slos.heartbeat",
                    ),
                ),
            ],
            options={
                "ordering": ["started_at"],
            },
        ),
        migrations.CreateModel(
            name="Ping",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("n", models.BigIntegerField()),
                ("kind", models.CharField(max_length=8)),
                ("at", models.DateTimeField()),
                ("rid", models.UUIDField(blank=True, null=True)),
                ("exit_status", models.SmallIntegerField(blank=True, null=True)),
                ("duration_ms", models.BigIntegerField(blank=True, null=True)),
                ("items", models.BigIntegerField(blank=True, null=True)),
                ("scheme", models.CharField(blank=True, max_length=8)),
                ("method", models.CharField(blank=True, max_length=10)),
                ("user_agent", models.CharField(blank=True, max_length=200)),
                ("remote_address", models.GenericIPAddressField(blank=True, null=True)),
                ("body", models.BinaryField(blank=True, null=True)),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                (
                    "heartbeat",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pings",
                        to="slos.heartbeat",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddIndex(
            model_name="heartbeat",
            index=models.Index(
                condition=models.Q(("down_at__isnull", False)), fields=["down_at"], name="slos_heartbeat_down"
            ),
        ),
        migrations.AddIndex(
            model_name="heartbeat",
            index=models.Index(fields=["integration", "ping_slug"], name="slos_heartbeat_slug"),
        ),
        migrations.AddIndex(
            model_name="heartbeat",
            index=models.Index(
                condition=models.Q(("runaway_since__isnull", False)),
                fields=["runaway_since"],
                name="slos_heartbeat_runaway",
            ),
        ),
        migrations.AddIndex(
            model_name="flip",
            index=models.Index(condition=models.Q(("reported_at", None)), fields=["id"], name="slos_flip_unreported"),
        ),
        migrations.AddIndex(
            model_name="flip",
            index=models.Index(fields=["heartbeat", "at"], name="slos_flip_at"),
        ),
        migrations.AddIndex(
            model_name="heartbeatrun",
            index=models.Index(fields=["deadline_at"], name="slos_heartbeat_deadline"),
        ),
        migrations.AddConstraint(
            model_name="heartbeatrun",
            constraint=models.UniqueConstraint(fields=("heartbeat", "rid"), name="slos_heartbeat_run"),
        ),
        migrations.AddIndex(
            model_name="ping",
            index=models.Index(fields=["heartbeat", "n"], name="slos_ping_n"),
        ),
    ]
