"""What the sweeps leave behind: the state of each, one row per run, the portal's own blind time, the hosts at work.

No business data lives here, and nothing here decides what is due: every sweep reads that from its own tables.
"""

from django.db import models
from django.db.models import F, Q


class Sweep(models.Model):
    """The present state of one named sweep, so that its age costs one short read.

    `attempted_at` paces and is compare-and-swapped to claim a round; `finished_at` moves only when every part went
    well, so a sweep that always fails grows old and is noticed. `holder` is used by the tick alone: who loops now.
    """

    name = models.CharField(max_length=40, primary_key=True)
    attempted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    holder = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SweepRun(models.Model):
    """One run of one sweep: the instant it judged by (`at`), what it looked at, what it fired. Pruned in batches."""

    class Via(models.TextChoices):
        QUEUE = "queue", "queue"
        SUPERVISOR = "supervisor", "supervisor"
        COMMAND = "command", "command"

    name = models.CharField(max_length=40)
    at = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    range_from = models.DateTimeField(null=True, blank=True)
    range_until = models.DateTimeField(null=True, blank=True)
    examined = models.PositiveIntegerField(default=0)
    fired = models.PositiveIntegerField(default=0)
    via = models.CharField(max_length=10, choices=Via.choices)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["name", "-started_at"], name="sweeps_run_name_started")]

    def __str__(self) -> str:
        return f"{self.name} {self.started_at:%Y-%m-%d %H:%M:%S}"


class BlindSpell(models.Model):
    """A stretch [from_at, until) in which the portal itself swept nothing. Kept for ever: it is never measured time.

    `from_at` is the end of the last sweep before it; unique, so two sweepers waking up together record one spell.
    """

    from_at = models.DateTimeField(unique=True)
    until = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-from_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__gt=F("from_at")),
                name="sweeps_blind_spell_ends_after_start",
            )
        ]

    def __str__(self) -> str:
        return f"blind {self.from_at:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"

    @property
    def seconds(self) -> float:
        return (self.until - self.from_at).total_seconds()


class WorkHost(models.Model):
    """One running `manage.py work`. `beat_at` is written by a task that went through the queue into its own cluster."""

    id = models.CharField(max_length=40, primary_key=True)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    beat_at = models.DateTimeField(null=True, blank=True)
    restart_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["host", "pid"]

    def __str__(self) -> str:
        return f"{self.host} ({self.pid})"
