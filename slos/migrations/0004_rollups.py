import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("slos", "0003_objectives"),
    ]

    operations = [
        migrations.CreateModel(
            name="RunBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "automation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.automation",
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("start", models.DateTimeField()),
                ("succeeded", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("cancelled", models.BigIntegerField(default=0)),
                ("attempts", models.BigIntegerField(default=0)),
                ("retries", models.BigIntegerField(default=0)),
                ("compensated", models.BigIntegerField(default=0)),
                ("interventions", models.BigIntegerField(default=0)),
                ("items_out", models.BigIntegerField(default=0)),
                ("empty", models.BigIntegerField(default=0)),
                ("payload_bytes", models.BigIntegerField(default=0)),
                ("cost", models.DecimalField(decimal_places=6, default=0, max_digits=20)),
                ("durations", models.JSONField(default=dict)),
                ("errors", models.JSONField(default=dict)),
                ("versions", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["automation", "width", "start"],
            },
        ),
        migrations.AddConstraint(
            model_name="runbucket",
            constraint=models.UniqueConstraint(fields=("automation", "width", "start"), name="slos_run_bucket"),
        ),
        migrations.CreateModel(
            name="SliBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slo",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="slos.slo"
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("start", models.DateTimeField()),
                ("valid", models.BigIntegerField(default=0)),
                ("bad", models.BigIntegerField(default=0)),
                ("causes", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["slo", "width", "start"],
            },
        ),
        migrations.AddConstraint(
            model_name="slibucket",
            constraint=models.UniqueConstraint(fields=("slo", "width", "start"), name="slos_sli_bucket"),
        ),
        migrations.CreateModel(
            name="Downtime",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slo",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="slos.slo"
                    ),
                ),
                ("rule", models.CharField(max_length=10)),
                ("from_at", models.DateTimeField()),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=120)),
                ("version", models.CharField(blank=True, max_length=60)),
            ],
            options={
                "ordering": ["slo", "from_at"],
            },
        ),
        migrations.AddConstraint(
            model_name="downtime",
            constraint=models.CheckConstraint(
                condition=models.Q(("until", None), ("until__gt", models.F("from_at")), _connector="OR"),
                name="slos_downtime_lasts",
            ),
        ),
        migrations.AddIndex(
            model_name="downtime",
            index=models.Index(fields=["slo", "until"], name="slos_downtime_until"),
        ),
        migrations.CreateModel(
            name="DirtyMinute",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.automation",
                    ),
                ),
                (
                    "slo",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="slos.slo",
                    ),
                ),
                ("minute", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddConstraint(
            model_name="dirtyminute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("automation__isnull", False), ("slo", None)),
                    models.Q(("automation", None), ("slo__isnull", False)),
                    _connector="OR",
                ),
                name="slos_dirty_one_thing",
            ),
        ),
        migrations.AddIndex(
            model_name="dirtyminute",
            index=models.Index(condition=models.Q(("slo__isnull", False)), fields=["slo"], name="slos_dirty_slo"),
        ),
        migrations.CreateModel(
            name="OpenBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "automation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.automation",
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("start", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["width", "due_at"],
            },
        ),
        migrations.AddConstraint(
            model_name="openbucket",
            constraint=models.UniqueConstraint(fields=("automation", "width", "start"), name="slos_open_bucket"),
        ),
        migrations.AddIndex(
            model_name="openbucket",
            index=models.Index(fields=["width", "due_at"], name="slos_open_bucket_due"),
        ),
        migrations.CreateModel(
            name="SloReading",
            fields=[
                (
                    "slo",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="reading",
                        serialize=False,
                        to="slos.slo",
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("window_start", models.DateTimeField()),
                ("window_end", models.DateTimeField()),
                ("data", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="Watermark",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="watermark",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="slos_watermark_is_one"),
        ),
    ]
