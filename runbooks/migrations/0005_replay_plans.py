import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import opsportal.ids
import runbooks.states


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0001_initial"),
        ("runbooks", "0004_proposals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReplayPlan",
            fields=[
                (
                    "id",
                    models.UUIDField(default=opsportal.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("dry_run", "dry_run"),
                            ("awaiting_approval", "awaiting_approval"),
                            ("approved", "approved"),
                            ("running", "running"),
                            ("paused", "paused"),
                            ("completed", "completed"),
                            ("cancelled", "cancelled"),
                            ("aborted", "aborted"),
                        ],
                        default=runbooks.states.PlanState["DRAFT"],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
                ("reason", models.CharField(max_length=500)),
                ("selection", models.JSONField(blank=True, default=dict)),
                ("transform", models.JSONField(blank=True, default=list)),
                ("rate_per_minute", models.PositiveIntegerField(blank=True, null=True)),
                ("canary_count", models.PositiveIntegerField(default=0)),
                ("abort_ratio", models.DecimalField(decimal_places=3, max_digits=4)),
                ("item_count", models.PositiveIntegerField(default=0)),
                ("key_count", models.PositiveIntegerField(default=0)),
                ("left_out", models.JSONField(blank=True, default=dict)),
                ("is_critical", models.BooleanField(default=False, verbose_name="P0")),
                ("content_hash", models.CharField(blank=True, max_length=64)),
                ("frozen_at", models.DateTimeField(blank=True, null=True)),
                ("requester", models.CharField(max_length=150)),
                ("requester_label", models.CharField(blank=True, max_length=150)),
                ("canary_passed_at", models.DateTimeField(blank=True, null=True)),
                ("canary_passed_label", models.CharField(blank=True, max_length=150)),
                ("paced_from", models.DateTimeField(blank=True, null=True)),
                ("paced_count", models.PositiveIntegerField(default=0)),
                ("about_type", models.CharField(blank=True, max_length=40)),
                ("about_id", models.CharField(blank=True, max_length=150)),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "approval",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="approvals.approval",
                    ),
                ),
                (
                    "release",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plan",
                        to="runbooks.release",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="plans", to="runbooks.replaytarget"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="PlanItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.PositiveIntegerField()),
                ("revision", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("sent_sha256", models.CharField(blank=True, max_length=64)),
                ("tries", models.PositiveIntegerField()),
                ("finding", models.CharField(blank=True, max_length=20)),
                ("is_behind", models.BooleanField(default=False)),
                ("is_canary", models.BooleanField(default=False)),
                ("is_overtaken", models.BooleanField(default=False)),
                ("let_go_at", models.DateTimeField(blank=True, null=True)),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="plan_items", to="runbooks.replayitem"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="runbooks.replayplan",
                    ),
                ),
            ],
            options={
                "ordering": ["plan", "position"],
            },
        ),
        migrations.AddIndex(
            model_name="replayplan",
            index=models.Index(
                condition=models.Q(("state__in", ["aborted", "cancelled", "completed"]), _negated=True),
                fields=["state"],
                name="runbooks_plan_open",
            ),
        ),
        migrations.AddIndex(
            model_name="replayplan",
            index=models.Index(fields=["created_at"], name="runbooks_plan_created"),
        ),
        migrations.AddIndex(
            model_name="replayplan",
            index=models.Index(fields=["about_type", "about_id"], name="runbooks_plan_about"),
        ),
        migrations.AddConstraint(
            model_name="replayplan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at__isnull", False), ("state__in", ["aborted", "cancelled", "completed"])),
                    models.Q(
                        models.Q(("state__in", ["aborted", "cancelled", "completed"]), _negated=True),
                        ("finished_at", None),
                    ),
                    _connector="OR",
                ),
                name="runbooks_plan_finished_when_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="replayplan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        (
                            "state__in",
                            [
                                runbooks.states.PlanState["RUNNING"],
                                runbooks.states.PlanState["PAUSED"],
                                runbooks.states.PlanState["COMPLETED"],
                                runbooks.states.PlanState["ABORTED"],
                            ],
                        ),
                        _negated=True,
                    ),
                    models.Q(("release__isnull", False), ("started_at__isnull", False)),
                    _connector="OR",
                ),
                name="runbooks_plan_started_by_a_release",
            ),
        ),
        migrations.AddConstraint(
            model_name="replayplan",
            constraint=models.CheckConstraint(
                condition=models.Q(("abort_ratio__gte", 0), ("abort_ratio__lte", 1)), name="runbooks_plan_abort_ratio"
            ),
        ),
        migrations.AddConstraint(
            model_name="replayplan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("rate_per_minute", None),
                    models.Q(("rate_per_minute__gte", 1), ("rate_per_minute__lte", 60000)),
                    _connector="OR",
                ),
                name="runbooks_plan_rate",
            ),
        ),
        migrations.AddConstraint(
            model_name="planitem",
            constraint=models.UniqueConstraint(fields=("plan", "position"), name="runbooks_plan_item_position"),
        ),
        migrations.AddConstraint(
            model_name="planitem",
            constraint=models.UniqueConstraint(fields=("plan", "item"), name="runbooks_plan_item_once"),
        ),
    ]
