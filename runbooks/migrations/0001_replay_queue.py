import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import opsportal.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("approvals", "0001_initial"),
        ("catalog", "0003_service"),
        ("identity", "0002_role_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Lane",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("record_key", models.CharField(max_length=200)),
                ("last_sequence", models.BigIntegerField(default=0)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="ReplayTarget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(
                        max_length=60,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9-]*\\Z", "Use lower-case letters, digits and hyphens."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("url", models.CharField(max_length=2000)),
                ("rate_per_minute", models.PositiveIntegerField(default=60)),
                ("max_attempts", models.PositiveSmallIntegerField(default=5)),
                ("timeout_seconds", models.PositiveSmallIntegerField(default=10)),
                ("idempotent", models.BooleanField(default=False)),
                ("superseding", models.BooleanField(default=False)),
                ("already_there", models.JSONField(blank=True, default=list)),
                ("secret_ref", models.CharField(blank=True, max_length=80)),
                ("signing_secret", models.BinaryField(blank=True, max_length=400, null=True)),
                ("backup_mode", models.BooleanField(default=False)),
                ("backup_since", models.DateTimeField(blank=True, null=True)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
                ("stop_reason", models.CharField(blank=True, max_length=240)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replay_targets",
                        to="catalog.automation",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replay_targets",
                        to="identity.team",
                    ),
                ),
            ],
            options={
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                (
                    "id",
                    models.UUIDField(default=opsportal.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(choices=[("resend", "by hand"), ("plan", "by a plan")], max_length=10)),
                ("reference", models.CharField(blank=True, max_length=60)),
                ("requester", models.CharField(max_length=150)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("content_hash", models.CharField(blank=True, max_length=64)),
                ("item_count", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "approval",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="approvals.approval",
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="releases", to="runbooks.replaytarget"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ReplayItem",
            fields=[
                (
                    "id",
                    models.UUIDField(default=opsportal.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("sequence", models.BigIntegerField(default=0)),
                ("external_id", models.CharField(blank=True, max_length=200)),
                ("record_key", models.CharField(blank=True, max_length=200)),
                ("correlation_id", models.CharField(blank=True, max_length=64)),
                ("source", models.CharField(blank=True, max_length=60)),
                ("error_class", models.CharField(blank=True, max_length=120)),
                ("error_message", models.CharField(blank=True, max_length=500)),
                ("content_type", models.CharField(max_length=120)),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.PositiveIntegerField()),
                ("revision", models.PositiveIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "held"),
                            ("pending", "pending"),
                            ("leased", "leased"),
                            ("failed", "failed"),
                            ("dead", "dead"),
                            ("in_doubt", "in_doubt"),
                            ("delivered", "delivered"),
                            ("discarded", "discarded"),
                            ("superseded", "superseded"),
                        ],
                        default="held",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("lease_token", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("is_probe", models.BooleanField(default=False)),
                ("authority", models.CharField(blank=True, max_length=64)),
                ("last_error", models.CharField(blank=True, max_length=240)),
                ("failed_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("legal_hold", models.CharField(blank=True, max_length=240)),
                (
                    "automation",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replay_items",
                        to="catalog.automation",
                    ),
                ),
                (
                    "lane",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="runbooks.lane",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="runbooks.release",
                    ),
                ),
                (
                    "superseded_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="runbooks.replayitem",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="runbooks.replaytarget",
                    ),
                ),
            ],
            options={
                "ordering": ["-received_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="lane",
            name="target",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lanes",
                to="runbooks.replaytarget",
            ),
        ),
        migrations.CreateModel(
            name="Delivered",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("webhook_id", models.CharField(max_length=60)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("sent", "sent"),
                            ("already_there", "already there"),
                            ("by_person", "said by a person"),
                        ],
                        max_length=14,
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "release",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger",
                        to="runbooks.release",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="ledger", to="runbooks.replayitem"
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger",
                        to="runbooks.replaytarget",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "ledger",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Payload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveIntegerField(default=0)),
                ("subject", models.CharField(max_length=200)),
                ("sealed", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "item",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="payloads",
                        to="runbooks.replayitem",
                    ),
                ),
            ],
            options={
                "ordering": ["item", "revision"],
                "indexes": [models.Index(fields=["subject"], name="runbooks_payload_subject")],
                "constraints": [models.UniqueConstraint(fields=("item", "revision"), name="runbooks_payload_revision")],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("lease_token", models.UUIDField()),
                ("is_probe", models.BooleanField(default=False)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, max_length=60)),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("answer", models.CharField(blank=True, max_length=500)),
                ("duration_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("was_late", models.BooleanField(default=False)),
                (
                    "item",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log",
                        to="runbooks.replayitem",
                    ),
                ),
            ],
            options={
                "ordering": ["item", "number"],
                "constraints": [models.UniqueConstraint(fields=("item", "number"), name="runbooks_attempt_number")],
            },
        ),
        migrations.CreateModel(
            name="TargetHealth",
            fields=[
                (
                    "target",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="health",
                        serialize=False,
                        to="runbooks.replaytarget",
                    ),
                ),
                ("next_slot_at", models.DateTimeField(blank=True, null=True)),
                ("retry_tokens", models.FloatField(default=10.0)),
                ("retry_tokens_at", models.DateTimeField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                ("probe_at", models.DateTimeField(blank=True, null=True)),
                ("openings", models.PositiveIntegerField(default=0)),
                ("last_success_at", models.DateTimeField(blank=True, null=True)),
                ("last_failure_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=240)),
                ("live_at", models.DateTimeField(blank=True, null=True)),
                ("live_count", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "health of targets",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("opened_at", None), ("probe_at", None)),
                            models.Q(("opened_at__isnull", False), ("probe_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="runbooks_open_breaker_has_a_probe",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="replaytarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate_per_minute__gte", 1), ("rate_per_minute__lte", 60000)),
                name="runbooks_target_rate",
            ),
        ),
        migrations.AddConstraint(
            model_name="replaytarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_attempts__gte", 1), ("max_attempts__lte", 50)), name="runbooks_target_attempts"
            ),
        ),
        migrations.AddConstraint(
            model_name="replaytarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("timeout_seconds__gte", 1), ("timeout_seconds__lte", 30)),
                name="runbooks_target_timeout",
            ),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["target", "state", "due_at"],
                name="runbooks_item_due",
            ),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(
                condition=models.Q(("finished_at", None)), fields=["lane", "sequence"], name="runbooks_item_head"
            ),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False)), fields=["lease_until"], name="runbooks_item_lease"
            ),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(
                condition=models.Q(("finished_at", None)), fields=["target", "received_at"], name="runbooks_item_open"
            ),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(fields=["release", "state"], name="runbooks_item_release"),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(fields=["automation", "received_at"], name="runbooks_item_automation"),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(fields=["received_at", "id"], name="runbooks_item_newest"),
        ),
        migrations.AddIndex(
            model_name="replayitem",
            index=models.Index(fields=["correlation_id"], name="runbooks_item_trace"),
        ),
        migrations.AddConstraint(
            model_name="replayitem",
            constraint=models.UniqueConstraint(fields=("lane", "sequence"), name="runbooks_item_place"),
        ),
        migrations.AddConstraint(
            model_name="replayitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("target", "external_id"),
                name="runbooks_item_external_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="replayitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "leased")), fields=("lane",), name="runbooks_one_sent_per_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="replayitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease_token__isnull", False), ("lease_until__isnull", False), ("state", "leased")),
                    models.Q(
                        models.Q(("state", "leased"), _negated=True), ("lease_token", None), ("lease_until", None)
                    ),
                    _connector="OR",
                ),
                name="runbooks_item_leased",
            ),
        ),
        migrations.AddConstraint(
            model_name="replayitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_at", None), ("state__in", ["failed", "pending"]), _connector="OR"),
                name="runbooks_item_due_only_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="replayitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at__isnull", False), ("state__in", ["delivered", "discarded", "superseded"])),
                    models.Q(
                        models.Q(("state__in", ["delivered", "discarded", "superseded"]), _negated=True),
                        ("finished_at", None),
                    ),
                    _connector="OR",
                ),
                name="runbooks_item_finished",
            ),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["requester", "target", "created_at"], name="runbooks_release_hour"),
        ),
        migrations.AddIndex(
            model_name="release",
            index=models.Index(fields=["reference"], name="runbooks_release_ref"),
        ),
        migrations.AddConstraint(
            model_name="lane",
            constraint=models.UniqueConstraint(fields=("target", "record_key"), name="runbooks_one_lane"),
        ),
        migrations.AddConstraint(
            model_name="delivered",
            constraint=models.UniqueConstraint(fields=("target", "webhook_id"), name="runbooks_delivered_once"),
        ),
    ]
