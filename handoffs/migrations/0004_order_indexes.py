"""The orders people and programs ask whole lists in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0003_running_indexes")]

    operations = [
        migrations.AddIndex("handoff", models.Index(fields=["due_at", "id"], name="handoffs_by_due")),
        migrations.AddIndex("handoff", models.Index(fields=["ingested_at", "id"], name="handoffs_by_arrival")),
    ]
