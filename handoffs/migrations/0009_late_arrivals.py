"""The weekly review looks up what arrived late in a week: few of all that arrived."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0008_hit_rate")]

    operations = [
        migrations.AddIndex(
            "handoff",
            models.Index(
                fields=["ingested_at"], name="handoffs_late_arrivals", condition=models.Q(("late_on_arrival", True))
            ),
        ),
    ]
