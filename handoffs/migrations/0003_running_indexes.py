"""What runs is counted from one index and put in order by another."""

from django.db import migrations, models

from handoffs.states import HandoffState, StopClock

RUNNING = models.Q(
    ("state__in", (HandoffState.OPEN, HandoffState.PAUSED)),
    models.Q(("state", HandoffState.RESPONDED), ("stop_clock", StopClock.COMPLETION)),
    _connector="OR",
)
COUNTED = ["missed_from", "historical", "state", "started_at", "breached_from", "backup_missing"]


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0002_event_log")]

    operations = [
        migrations.AddIndex(
            "handoff",
            models.Index(
                fields=[*COUNTED, "rule", "owner", "backup_owner"], name="handoffs_running", condition=RUNNING
            ),
        ),
        migrations.AddIndex("handoff", models.Index(fields=["due_at"], name="handoffs_running_due", condition=RUNNING)),
        migrations.RemoveIndex("handoff", "handoffs_late"),
    ]
