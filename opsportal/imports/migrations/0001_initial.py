import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("identity", "0002_role_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=30)),
                (
                    "state",
                    models.CharField(
                        choices=[("preview", "preview"), ("imported", "imported"), ("undone", "undone")],
                        default="preview",
                        max_length=10,
                    ),
                ),
                ("file_name", models.CharField(max_length=200)),
                ("sha256", models.BinaryField(max_length=32)),
                ("size", models.PositiveIntegerField()),
                ("content", models.BinaryField(null=True)),
                ("headings", models.JSONField(default=list)),
                ("mapping", models.JSONField(default=list)),
                ("options", models.JSONField(default=dict)),
                ("about", models.CharField(blank=True, max_length=60)),
                ("live", models.BooleanField(default=False)),
                ("counts", models.JSONField(default=dict)),
                ("by_label", models.CharField(max_length=150)),
                ("uploaded_at", models.DateTimeField()),
                ("imported_at", models.DateTimeField(blank=True, null=True)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                ("undone_by", models.CharField(blank=True, max_length=150)),
                ("last_entry", models.BigIntegerField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="identity.team",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "import batches",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ImportedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("created", "created"),
                            ("duplicate", "duplicate"),
                            ("refused", "refused"),
                            ("removed", "removed"),
                            ("kept", "kept"),
                        ],
                        max_length=10,
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=40)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("identity", models.BinaryField(max_length=32, null=True)),
                ("problems", models.JSONField(blank=True, default=list)),
                ("cells", models.JSONField(blank=True, default=list)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="imports.importbatch",
                    ),
                ),
            ],
            options={
                "ordering": ["line"],
            },
        ),
        migrations.AddIndex(
            model_name="importbatch",
            index=models.Index(fields=["kind", "-id"], name="imports_batch_kind"),
        ),
        migrations.AddIndex(
            model_name="importbatch",
            index=models.Index(fields=["sha256"], name="imports_batch_file"),
        ),
        migrations.AddConstraint(
            model_name="importbatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "preview"),
                    models.Q(("content", None), ("imported_at__isnull", False)),
                    _connector="OR",
                ),
                name="imports_batch_done_keeps_no_file",
            ),
        ),
        migrations.AddIndex(
            model_name="importedrow",
            index=models.Index(fields=["batch", "state", "line"], name="imports_row_state"),
        ),
        migrations.AddIndex(
            model_name="importedrow",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        ["created", "kept"],
                    )
                ),
                fields=["identity"],
                name="imports_row_identity",
            ),
        ),
        migrations.AddIndex(
            model_name="importedrow",
            index=models.Index(condition=models.Q(("key", ""), _negated=True), fields=["key"], name="imports_row_key"),
        ),
        migrations.AddConstraint(
            model_name="importedrow",
            constraint=models.UniqueConstraint(fields=("batch", "line"), name="imports_row_line"),
        ),
    ]
