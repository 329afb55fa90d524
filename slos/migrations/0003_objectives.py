import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("slos", "0002_heartbeats"),
    ]

    operations = [
        migrations.CreateModel(
            name="Slo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(
                        max_length=80,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9-]*\\Z", "Use lower-case letters, digits and hyphens."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True, max_length=2000)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("availability", "availability"),
                            ("latency", "latency"),
                            ("freshness", "freshness"),
                            ("heartbeat", "heartbeat"),
                            ("hit_rate", "hit_rate"),
                            ("composite", "composite"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("occurrences", "occurrences"),
                            ("time_slices", "time_slices"),
                            ("downtime", "downtime"),
                        ],
                        max_length=12,
                    ),
                ),
                ("target", models.DecimalField(decimal_places=6, max_digits=9)),
                (
                    "window_kind",
                    models.CharField(choices=[("rolling", "rolling"), ("calendar", "calendar")], max_length=8),
                ),
                ("window_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("window_unit", models.CharField(blank=True, max_length=8)),
                ("timezone", models.CharField(default="UTC", max_length=60)),
                ("threshold_ms", models.BigIntegerField(blank=True, null=True)),
                ("slice_seconds", models.PositiveIntegerField(blank=True, null=True)),
                ("slice_target", models.DecimalField(blank=True, decimal_places=6, max_digits=9, null=True)),
                ("max_run_seconds", models.PositiveIntegerField(blank=True, null=True)),
                ("consecutive_failures", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("burn_alerts", models.JSONField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("draft", "draft"), ("active", "active"), ("retired", "retired")],
                        default="draft",
                        max_length=8,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("openslo", models.JSONField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="slos",
                        to="catalog.automation",
                    ),
                ),
            ],
            options={
                "ordering": ["slug"],
            },
        ),
        migrations.AddField(
            model_name="slo",
            name="heartbeat",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="slos",
                to="slos.heartbeat",
            ),
        ),
        migrations.AddField(
            model_name="slo",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="slos",
                to="handoffs.rule",
            ),
        ),
        migrations.AddField(
            model_name="slo",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="slos",
                to="identity.team",
            ),
        ),
        migrations.CreateModel(
            name="Exclusion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_at", models.DateTimeField(verbose_name="from")),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(max_length=240)),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("author_label", models.CharField(blank=True, max_length=120)),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exclusions",
                        to="catalog.automation",
                    ),
                ),
                (
                    "slo",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exclusions",
                        to="slos.slo",
                    ),
                ),
            ],
            options={
                "ordering": ["-from_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="SloPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("weight", models.DecimalField(decimal_places=4, max_digits=9)),
                (
                    "composite",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="slos.slo"),
                ),
                (
                    "part",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="part_of", to="slos.slo"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="SloVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("definition", models.JSONField()),
                ("from_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=240)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "slo",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="slos.slo",
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.AddConstraint(
            model_name="slo",
            constraint=models.CheckConstraint(
                condition=models.Q(("target__gt", 0), ("target__lt", 100)), name="slos_slo_target_in_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="slo",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "active", "retired"])), name="slos_slo_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="slo",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("window_days__gte", 1), ("window_kind", "rolling"), ("window_unit", "")),
                    models.Q(
                        ("window_days", None), ("window_kind", "calendar"), models.Q(("window_unit", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="slos_slo_window_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="exclusion",
            constraint=models.CheckConstraint(
                condition=models.Q(("until__gt", models.F("from_at"))), name="slos_exclusion_ends_after_start"
            ),
        ),
        migrations.AddConstraint(
            model_name="exclusion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("automation__isnull", False), ("slo", None)),
                    models.Q(("automation", None), ("slo__isnull", False)),
                    _connector="OR",
                ),
                name="slos_exclusion_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="exclusion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", None), models.Q(("approved_by", models.F("author")), _negated=True), _connector="OR"
                ),
                name="slos_exclusion_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="slopart",
            constraint=models.UniqueConstraint(fields=("composite", "part"), name="slos_part_once"),
        ),
        migrations.AddConstraint(
            model_name="slopart",
            constraint=models.CheckConstraint(condition=models.Q(("weight__gt", 0)), name="slos_part_weighs"),
        ),
        migrations.AddConstraint(
            model_name="slopart",
            constraint=models.CheckConstraint(
                condition=models.Q(("composite", models.F("part")), _negated=True), name="slos_part_is_another"
            ),
        ),
        migrations.AddConstraint(
            model_name="sloversion",
            constraint=models.UniqueConstraint(fields=("slo", "number"), name="slos_version_number"),
        ),
    ]
