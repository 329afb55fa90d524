import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_overrides_and_permissions"),
        ("identity", "0002_role_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChecklistTick",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(max_length=60)),
                ("note", models.CharField(blank=True, max_length=240)),
                ("ticked_at", models.DateTimeField()),
                ("ticked_by", models.CharField(max_length=150)),
            ],
            options={
                "ordering": ["item", "id"],
            },
        ),
        migrations.CreateModel(
            name="CostLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tool", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=240, verbose_name="what for")),
                ("amount", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="a month")),
                ("currency", models.CharField(default="USD", max_length=3)),
                ("from_date", models.DateField(verbose_name="from")),
                ("until_date", models.DateField(blank=True, null=True, verbose_name="until")),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["tool", "-from_date", "id"],
            },
        ),
        migrations.CreateModel(
            name="Credential",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("reference", models.CharField(blank=True, max_length=240)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("service", "Service account"),
                            ("shared", "Shared account"),
                            ("personal", "Somebody's personal login"),
                        ],
                        default="service",
                        max_length=10,
                    ),
                ),
                ("permissions", models.CharField(blank=True, max_length=500, verbose_name="what it may do")),
                ("is_too_broad", models.BooleanField(default=False, verbose_name="may do more than it needs")),
                ("reviewed_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": [models.OrderBy(models.F("expires_at"), nulls_last=True), "name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=80)),
                ("change", models.CharField(default="feature", max_length=12)),
                (
                    "risk",
                    models.CharField(
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")], default="low", max_length=6
                    ),
                ),
                ("notes", models.CharField(blank=True, max_length=500)),
                ("url", models.CharField(blank=True, max_length=500)),
                ("planned_at", models.DateTimeField(blank=True, null=True)),
                ("released_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("watch_until", models.DateTimeField(blank=True, null=True)),
                ("by_label", models.CharField(blank=True, max_length=150, verbose_name="by")),
                ("passed_freeze", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": [models.OrderBy(models.F("released_at"), descending=True, nulls_first=True), "-id"],
            },
        ),
        migrations.CreateModel(
            name="Responsibility",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "part",
                    models.CharField(
                        choices=[("responsible", "Responsible"), ("consulted", "Consulted"), ("informed", "Informed")],
                        max_length=12,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "responsibilities",
                "ordering": ["part", "person__name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Switch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(
                        max_length=60,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9-]*\\Z", "Use lower-case letters, digits and hyphens."
                            )
                        ],
                    ),
                ),
                ("label", models.CharField(max_length=120)),
                ("description", models.CharField(blank=True, max_length=500, verbose_name="what it changes")),
                ("is_on", models.BooleanField(default=False)),
                ("gated", models.BooleanField(default=True, verbose_name="new behaviour")),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "verbose_name_plural": "switches",
                "ordering": ["slug", "id"],
            },
        ),
        migrations.CreateModel(
            name="Workflow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=160, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("rhythm", models.JSONField(blank=True, default=dict)),
                ("imported_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="WorkflowImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_name", models.CharField(max_length=160)),
                ("readings", models.JSONField()),
                ("uploaded_at", models.DateTimeField()),
                ("imported_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-uploaded_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="WorkflowVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(max_length=64)),
                ("node_count", models.PositiveIntegerField()),
                ("is_active", models.BooleanField(default=False)),
                ("findings", models.JSONField(default=list)),
                ("imported_at", models.DateTimeField()),
                ("imported_by", models.CharField(max_length=150)),
            ],
            options={
                "ordering": ["-imported_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="automation",
            name="accountable",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accountable_automations",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="cost_budget",
            field=models.DecimalField(
                blank=True, decimal_places=2, max_digits=12, null=True, verbose_name="monthly budget"
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="cost_owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="cost_per_month",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name="automation",
            name="currency",
            field=models.CharField(default="USD", max_length=3),
        ),
        migrations.AddField(
            model_name="automation",
            name="degraded",
            field=models.CharField(blank=True, max_length=240),
        ),
        migrations.AddField(
            model_name="automation",
            name="degraded_by",
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name="automation",
            name="degraded_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="automation",
            name="degraded_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="automation",
            name="fallback",
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name="automation",
            name="fallback_by",
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name="automation",
            name="fallback_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="automation",
            name="how_to_pause",
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name="automation",
            name="journeys",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="automation",
            name="limits",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="automation",
            name="maturity",
            field=models.CharField(
                blank=True,
                choices=[
                    ("beginner", "Beginner (triggers and simple steps)"),
                    ("intermediate", "Intermediate (retries, metrics, runbook)"),
                    ("advanced", "Advanced (SLOs, tested failure, rollback by itself)"),
                ],
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="pattern",
            field=models.CharField(
                blank=True,
                choices=[
                    ("orchestrator", "Orchestrator and workers"),
                    ("choreography", "Choreography by events"),
                    ("state_machine", "State machine"),
                    ("operator", "Operator (reconciling loop)"),
                    ("serverless", "Serverless steps"),
                    ("hybrid", "Hybrid"),
                ],
                max_length=15,
                verbose_name="architecture",
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="pause_reason",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="automation",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="automation",
            name="paused_by",
            field=models.CharField(blank=True, max_length=150),
        ),
        migrations.AddField(
            model_name="automation",
            name="retry_notes",
            field=models.TextField(blank=True, max_length=2000, verbose_name="retries and compensation"),
        ),
        migrations.AddField(
            model_name="automation",
            name="tier_agreed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="automation",
            name="tier_agreed_revops",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="agreed for RevOps",
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="tier_agreed_sales",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="agreed for sales",
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="tier_reason",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="automation",
            name="trigger",
            field=models.CharField(
                blank=True,
                choices=[
                    ("event", "An event or webhook"),
                    ("schedule", "A schedule"),
                    ("human", "A person"),
                    ("api", "A call by another program"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="automation",
            name="what_it_does",
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name="automation",
            name="what_it_touches",
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddConstraint(
            model_name="automation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("tier_agreed_at", None), ("tier_agreed_revops", None), ("tier_agreed_sales", None)),
                    models.Q(
                        ("tier_agreed_at__isnull", False),
                        ("tier_agreed_revops__isnull", False),
                        ("tier_agreed_sales__isnull", False),
                        models.Q(("tier_agreed_revops", models.F("tier_agreed_sales")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="catalog_tier_agreed_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="automation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("degraded", ""), ("degraded_since", None), ("degraded_until", None)),
                    models.Q(
                        models.Q(("degraded", ""), _negated=True), ("degraded_until__gt", models.F("degraded_since"))
                    ),
                    _connector="OR",
                ),
                name="catalog_degraded_with_its_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="automation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cost_per_month", None), ("cost_per_month__gte", 0), _connector="OR"),
                    models.Q(("cost_budget", None), ("cost_budget__gte", 0), _connector="OR"),
                ),
                name="catalog_cost_not_negative",
            ),
        ),
        migrations.AddField(
            model_name="checklisttick",
            name="automation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="ticks", to="catalog.automation"
            ),
        ),
        migrations.AddField(
            model_name="costline",
            name="automation",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cost_lines",
                to="catalog.automation",
            ),
        ),
        migrations.AddField(
            model_name="credential",
            name="automation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="credentials", to="catalog.automation"
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="automation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="releases", to="catalog.automation"
            ),
        ),
        migrations.AddField(
            model_name="responsibility",
            name="automation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="responsibilities", to="catalog.automation"
            ),
        ),
        migrations.AddField(
            model_name="responsibility",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="responsibilities",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="switch",
            name="automation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="switches", to="catalog.automation"
            ),
        ),
        migrations.AddField(
            model_name="workflow",
            name="automation",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="workflow", to="catalog.automation"
            ),
        ),
        migrations.AddField(
            model_name="workflowimport",
            name="by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="workflowversion",
            name="workflow",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="catalog.workflow"
            ),
        ),
        migrations.AddConstraint(
            model_name="checklisttick",
            constraint=models.UniqueConstraint(fields=("automation", "item"), name="catalog_tick_once"),
        ),
        migrations.AddConstraint(
            model_name="costline",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0)), name="catalog_cost_line_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="costline",
            constraint=models.CheckConstraint(
                condition=models.Q(("until_date", None), ("until_date__gt", models.F("from_date")), _connector="OR"),
                name="catalog_cost_line_ends_later",
            ),
        ),
        migrations.AddConstraint(
            model_name="costline",
            constraint=models.UniqueConstraint(fields=("tool", "note", "from_date"), name="catalog_cost_line_once"),
        ),
        migrations.AddIndex(
            model_name="credential",
            index=models.Index(
                condition=models.Q(("retired_at", None)), fields=["expires_at"], name="catalog_credential_expiry"
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.UniqueConstraint(
                condition=models.Q(("retired_at", None)),
                fields=("automation", "name"),
                name="catalog_credential_named_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["service", "shared", "personal"])),
                name="catalog_credential_kind_known",
            ),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["automation", "-released_at"], name="catalog_release_newest"),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["watch_until"], name="catalog_release_watch"),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cancelled_at", None)),
                fields=("automation", "version"),
                name="catalog_release_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(("risk__in", ["low", "medium", "high"])), name="catalog_release_risk_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(("released_at__isnull", False), ("planned_at__isnull", False), _connector="OR"),
                name="catalog_release_planned_or_released",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(("released_at", None), ("cancelled_at", None), _connector="OR"),
                name="catalog_release_not_both",
            ),
        ),
        migrations.AddConstraint(
            model_name="responsibility",
            constraint=models.UniqueConstraint(
                fields=("automation", "person", "part"), name="catalog_responsibility_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="responsibility",
            constraint=models.CheckConstraint(
                condition=models.Q(("part__in", ["responsible", "consulted", "informed"])),
                name="catalog_responsibility_part_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="switch",
            constraint=models.UniqueConstraint(fields=("automation", "slug"), name="catalog_switch_slug"),
        ),
        migrations.AddConstraint(
            model_name="workflowversion",
            constraint=models.UniqueConstraint(fields=("workflow", "sha256"), name="catalog_workflow_version_once"),
        ),
    ]
