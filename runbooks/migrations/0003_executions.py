import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import opsportal.ids
import runbooks.states


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0001_initial"),
        ("runbooks", "0002_library"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Execution",
            fields=[
                (
                    "id",
                    models.UUIDField(default=opsportal.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "running"), ("completed", "completed"), ("abandoned", "abandoned")],
                        default=runbooks.states.ExecutionState["RUNNING"],
                        max_length=10,
                    ),
                ),
                ("is_drill", models.BooleanField(default=False, verbose_name="drill")),
                ("reason", models.CharField(max_length=500)),
                ("about_type", models.CharField(blank=True, max_length=40)),
                ("about_id", models.CharField(blank=True, max_length=150)),
                ("started_label", models.CharField(blank=True, max_length=150)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, max_length=500)),
                ("trace_id", models.CharField(blank=True, max_length=64)),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="runbooks.runbookrevision"
                    ),
                ),
                (
                    "runbook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="executions", to="runbooks.runbook"
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ExecutionStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("key", models.CharField(max_length=80)),
                ("section", models.CharField(max_length=60)),
                ("number", models.PositiveSmallIntegerField()),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("check_text", models.CharField(blank=True, max_length=500, verbose_name="check")),
                ("action", models.JSONField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("skipped", "skipped"),
                        ],
                        default=runbooks.states.StepState["PENDING"],
                        max_length=8,
                    ),
                ),
                ("person_label", models.CharField(blank=True, max_length=150)),
                ("at", models.DateTimeField(blank=True, null=True)),
                ("seconds", models.PositiveIntegerField(blank=True, null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("ran_at", models.DateTimeField(blank=True, null=True)),
                ("result", models.CharField(blank=True, max_length=500)),
                ("undo", models.JSONField(blank=True, null=True)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
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
                    "execution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="runbooks.execution",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["execution", "position"],
            },
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["started_at"], name="runbooks_execution_started"),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["about_type", "about_id"], name="runbooks_execution_about"),
        ),
        migrations.AddConstraint(
            model_name="execution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("state", runbooks.states.ExecutionState["RUNNING"])),
                    models.Q(
                        ("finished_at__isnull", False),
                        (
                            "state__in",
                            [runbooks.states.ExecutionState["COMPLETED"], runbooks.states.ExecutionState["ABANDONED"]],
                        ),
                    ),
                    _connector="OR",
                ),
                name="runbooks_execution_finished_when_over",
            ),
        ),
        migrations.AddIndex(
            model_name="executionstep",
            index=models.Index(
                condition=models.Q(("at__isnull", False)), fields=["at"], name="runbooks_execution_step_at"
            ),
        ),
        migrations.AddConstraint(
            model_name="executionstep",
            constraint=models.UniqueConstraint(fields=("execution", "key"), name="runbooks_execution_step_once"),
        ),
        migrations.AddConstraint(
            model_name="executionstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("at", None), ("state", runbooks.states.StepState["PENDING"])),
                    models.Q(
                        models.Q(("state", runbooks.states.StepState["PENDING"]), _negated=True), ("at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="runbooks_execution_step_decided_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="executionstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", runbooks.states.StepState["SKIPPED"]), _negated=True),
                    models.Q(("note", ""), _negated=True),
                    _connector="OR",
                ),
                name="runbooks_execution_skip_has_a_reason",
            ),
        ),
    ]
