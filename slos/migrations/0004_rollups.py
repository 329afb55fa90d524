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
                (
                    "automation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.automation",
                    ),
                ),
            ],
            options={
                "ordering": ["automation", "width", "start"],
            },
        ),
        migrations.CreateModel(
            name="Watermark",
            fields=[
                (
                    "slo",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="watermark",
                        serialize=False,
                        to="slos.slo",
                    ),
                ),
                ("measured_from", models.DateTimeField(blank=True, null=True)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SliBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("width", models.PositiveIntegerField()),
                ("start", models.DateTimeField()),
                ("valid", models.BigIntegerField(default=0)),
                ("bad", models.BigIntegerField(default=0)),
                ("excluded", models.BigIntegerField(default=0)),
                ("unmeasured", models.BigIntegerField(default=0)),
                ("causes", models.JSONField(default=dict)),
                (
                    "slo",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="slos.slo"
                    ),
                ),
            ],
            options={
                "ordering": ["slo", "width", "start"],
            },
        ),
        migrations.CreateModel(
            name="DirtyMinute",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("minute", models.DateTimeField()),
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
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddConstraint(
            model_name="runbucket",
            constraint=models.UniqueConstraint(fields=("automation", "width", "start"), name="slos_run_bucket"),
        ),
        migrations.AddConstraint(
            model_name="slibucket",
            constraint=models.UniqueConstraint(fields=("slo", "width", "start"), name="slos_sli_bucket"),
        ),
    ]
