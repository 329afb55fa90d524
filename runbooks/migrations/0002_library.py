import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import runbooks.states


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0002_role_groups"),
        ("runbooks", "0001_replay_queue"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Runbook",
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
                ("path", models.CharField(blank=True, max_length=300)),
                ("title", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[("runbook", "Runbook (numbered steps)"), ("playbook", "Playbook (guidance)")],
                        default="runbook",
                        max_length=8,
                    ),
                ),
                (
                    "form",
                    models.CharField(
                        choices=[("incident", "Incident (five parts)"), ("handoff", "Handoff (one page)")],
                        default="incident",
                        max_length=8,
                    ),
                ),
                ("derived_from_number", models.PositiveIntegerField(blank=True, null=True)),
                ("review_every_days", models.PositiveSmallIntegerField(default=90)),
                ("published_number", models.PositiveIntegerField(blank=True, null=True)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("validated_at", models.DateTimeField(blank=True, null=True)),
                ("stale_at", models.DateTimeField(blank=True, null=True)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "derived_from",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="derived",
                        to="runbooks.runbook",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runbooks",
                        to="identity.team",
                    ),
                ),
            ],
            options={
                "ordering": ["title", "slug"],
            },
        ),
        migrations.CreateModel(
            name="RunbookLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("automation", "automation"), ("rule", "rule"), ("exception", "exception")],
                        max_length=10,
                    ),
                ),
                ("slug", models.CharField(max_length=80)),
                (
                    "runbook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="runbooks.runbook",
                    ),
                ),
            ],
            options={
                "ordering": ["kind", "slug"],
            },
        ),
        migrations.CreateModel(
            name="RunbookRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("review", "review"),
                            ("published", "published"),
                            ("superseded", "superseded"),
                        ],
                        default=runbooks.states.RevisionState["DRAFT"],
                        max_length=10,
                    ),
                ),
                ("author_label", models.CharField(blank=True, max_length=150)),
                ("note", models.CharField(blank=True, max_length=240)),
                ("created_at", models.DateTimeField()),
                ("review_asked_at", models.DateTimeField(blank=True, null=True)),
                ("returned_reason", models.CharField(blank=True, max_length=500)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("tier", models.CharField(blank=True, max_length=2)),
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
                    "published_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "review_asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "runbook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="runbooks.runbook",
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="RunbookStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("key", models.CharField(max_length=80)),
                ("section", models.CharField(max_length=60)),
                ("number", models.PositiveSmallIntegerField()),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("line", models.PositiveIntegerField()),
                ("check_text", models.CharField(blank=True, max_length=500, verbose_name="check")),
                ("action", models.JSONField(blank=True, null=True)),
                ("changed_in", models.PositiveIntegerField()),
                (
                    "changed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="runbooks.runbookrevision",
                    ),
                ),
            ],
            options={
                "ordering": ["revision", "position"],
            },
        ),
        migrations.CreateModel(
            name="RunbookValidation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("read_aloud", "Read aloud"),
                            ("drill", "Drill"),
                            ("execution", "Carried out"),
                            ("checked", "Checked"),
                        ],
                        max_length=10,
                    ),
                ),
                ("holds", models.BooleanField()),
                ("note", models.CharField(blank=True, max_length=500)),
                ("person_label", models.CharField(blank=True, max_length=150)),
                ("at", models.DateTimeField()),
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
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="runbooks.runbookrevision"
                    ),
                ),
                (
                    "runbook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="validations", to="runbooks.runbook"
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="RunbookDraw",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.CharField(max_length=7, unique=True)),
                ("seed", models.CharField(max_length=80)),
                ("candidates", models.JSONField()),
                ("drawn_at", models.DateTimeField()),
                (
                    "runbook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="draws", to="runbooks.runbook"
                    ),
                ),
                (
                    "validation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="draws",
                        to="runbooks.runbookvalidation",
                    ),
                ),
            ],
            options={
                "ordering": ["-month"],
            },
        ),
        migrations.CreateModel(
            name="StepReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=80)),
                ("title", models.CharField(max_length=200)),
                ("words", models.CharField(max_length=1000, verbose_name="what is wrong")),
                ("reported_label", models.CharField(blank=True, max_length=150)),
                ("reported_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_label", models.CharField(blank=True, max_length=150)),
                ("resolution", models.CharField(blank=True, max_length=500)),
                (
                    "reported_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="runbooks.runbookrevision"
                    ),
                ),
                (
                    "runbook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="runbooks.runbook"
                    ),
                ),
            ],
            options={
                "ordering": ["-reported_at", "-id"],
            },
        ),
        migrations.AddIndex(
            model_name="runbook",
            index=models.Index(fields=["stale_at"], name="runbooks_runbook_stale"),
        ),
        migrations.AddConstraint(
            model_name="runbook",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["runbook", "playbook"])), name="runbooks_runbook_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="runbook",
            constraint=models.CheckConstraint(
                condition=models.Q(("form__in", ["incident", "handoff"])), name="runbooks_runbook_form_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="runbook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("published_at", None), ("published_number", None)),
                    models.Q(
                        ("published_at__isnull", False),
                        ("published_number__isnull", False),
                        ("stale_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="runbooks_runbook_published_as_a_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="runbooklink",
            index=models.Index(fields=["kind", "slug"], name="runbooks_link_about"),
        ),
        migrations.AddConstraint(
            model_name="runbooklink",
            constraint=models.UniqueConstraint(fields=("runbook", "kind", "slug"), name="runbooks_link_once"),
        ),
        migrations.AddConstraint(
            model_name="runbookrevision",
            constraint=models.UniqueConstraint(fields=("runbook", "number"), name="runbooks_revision_number"),
        ),
        migrations.AddConstraint(
            model_name="runbookrevision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", runbooks.states.RevisionState["PUBLISHED"])),
                fields=("runbook",),
                name="runbooks_revision_one_published",
            ),
        ),
        migrations.AddConstraint(
            model_name="runbookrevision",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", [runbooks.states.RevisionState["DRAFT"], runbooks.states.RevisionState["REVIEW"]])
                ),
                fields=("runbook",),
                name="runbooks_revision_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="runbookrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "review", "published", "superseded"])),
                name="runbooks_revision_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="runbookrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("tier", "P0"), _negated=True),
                    ("author", None),
                    models.Q(("author", models.F("published_by")), _negated=True),
                    _connector="OR",
                ),
                name="runbooks_revision_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="runbookstep",
            constraint=models.UniqueConstraint(fields=("revision", "key"), name="runbooks_step_key_once"),
        ),
        migrations.AddConstraint(
            model_name="runbookstep",
            constraint=models.UniqueConstraint(fields=("revision", "position"), name="runbooks_step_position_once"),
        ),
        migrations.AddIndex(
            model_name="stepreport",
            index=models.Index(
                condition=models.Q(("resolved_at", None)), fields=["runbook"], name="runbooks_report_open"
            ),
        ),
    ]
