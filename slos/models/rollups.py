"""What runs add up to, by minute, 15 minutes, hour and day of UTC; which of these have changed since; and how far the
portal itself was looking. Pages read these and never scan runs.
"""

from django.db import models
from django.db.models import F, Q

from opsportal.catalog.models import Automation
from slos.models.objectives import Slo


class RunBucket(models.Model):
    """Runs of an automation that ended in [start, start + width seconds). Written by the sweep alone."""

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="+", db_index=False)
    width = models.PositiveIntegerField()
    start = models.DateTimeField()
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    attempts = models.BigIntegerField(default=0)
    retries = models.BigIntegerField(default=0)
    compensated = models.BigIntegerField(default=0)
    interventions = models.BigIntegerField(default=0)
    items_out = models.BigIntegerField(default=0)
    empty = models.BigIntegerField(default=0)
    payload_bytes = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    durations = models.JSONField(default=dict)  # of those that succeeded (slos.budgets.engine.histogram)
    errors = models.JSONField(default=dict)  # {error_type: failed runs}
    versions = models.JSONField(default=dict)  # {version: [succeeded, failed]}

    class Meta:
        ordering = ["automation", "width", "start"]
        constraints = [models.UniqueConstraint(fields=["automation", "width", "start"], name="slos_run_bucket")]
        # Weeks of days of all automations at once, without a look at their rows.
        indexes = [
            models.Index(
                fields=["automation", "start"],
                name="slos_run_days",
                condition=models.Q(width=86_400),
                include=["succeeded", "failed", "cost"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.automation_id} {self.width} {self.start}"


class SliBucket(models.Model):
    """Events of an SLI in [start, start + width seconds), or seconds of its time slices. Written by the sweep alone.

    `causes` sums to `bad` for each kind: {"kind|value": bad}.
    """

    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="+", db_index=False)
    width = models.PositiveIntegerField()
    start = models.DateTimeField()
    valid = models.BigIntegerField(default=0)
    bad = models.BigIntegerField(default=0)
    causes = models.JSONField(default=dict)

    class Meta:
        ordering = ["slo", "width", "start"]
        constraints = [models.UniqueConstraint(fields=["slo", "width", "start"], name="slos_sli_bucket")]

    def __str__(self) -> str:
        return f"{self.slo_id} {self.width} {self.start}"


class Downtime(models.Model):
    """A stretch in which runs violated a rule of an SLO that counts downtime; `until` None: it goes on.

    Stretches may overlap; time is counted once. Missed heartbeats are facts, and not repeated here.
    """

    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="+", db_index=False)
    rule = models.CharField(max_length=10)
    from_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=120, blank=True)
    version = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["slo", "from_at"]
        constraints = [
            models.CheckConstraint(condition=Q(until=None) | Q(until__gt=F("from_at")), name="slos_downtime_lasts")
        ]
        indexes = [
            models.Index(fields=["slo", "until"], name="slos_downtime_until"),
        ]

    def __str__(self) -> str:
        return f"{self.slo_id} {self.rule} {self.from_at}"


class DirtyMinute(models.Model):
    """Something changed among what ended in this minute: whoever changes it adds a row in the same transaction. Not
    unique, so that two who write into one minute do not wait for each other.

    `slo`: its definition changed, and the UTC day that `minute` begins is to be added up anew.
    """

    id = models.BigAutoField(primary_key=True)
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    slo = models.ForeignKey(Slo, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    minute = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["slo"], name="slos_dirty_slo", condition=Q(slo__isnull=False))]
        constraints = [
            models.CheckConstraint(
                condition=Q(slo=None, automation__isnull=False) | Q(slo__isnull=False, automation=None),
                name="slos_dirty_one_thing",
            )
        ]

    def __str__(self) -> str:
        return str(self.minute)


class OpenBucket(models.Model):
    """A bucket above the minute, to be added up from the narrower ones as soon as it is over. The sweep's own."""

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="+", db_index=False)
    width = models.PositiveIntegerField()
    start = models.DateTimeField()
    due_at = models.DateTimeField()

    class Meta:
        ordering = ["width", "due_at"]
        constraints = [models.UniqueConstraint(fields=["automation", "width", "start"], name="slos_open_bucket")]
        indexes = [models.Index(fields=["width", "due_at"], name="slos_open_bucket_due")]

    def __str__(self) -> str:
        return f"{self.automation_id} {self.width} {self.start}"


class SloReading(models.Model):
    """What an SLO's window and burn rates came to at the watermark `at`: lists read one row each. The sweep's own.

    True for `version` alone. `data` are the exact inputs of the judgement (slos.budgets.readings).
    """

    slo = models.OneToOneField(Slo, primary_key=True, on_delete=models.CASCADE, related_name="reading")
    version = models.PositiveIntegerField()
    at = models.DateTimeField()
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    data = models.JSONField()
    # What follows from these, for lists that rank by it: the budget's state, what remains, the burn rate of a week.
    verdict = models.CharField(max_length=10, blank=True, db_default="")
    remaining = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    burn_week = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.slo_id} {self.at}"


class Watermark(models.Model):
    """How far rollups are complete: the newest instant up to which the portal was receiving and sweeping. One row.

    `since` is the portal's first sweep; what is known from before was sent in as history.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    since = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="slos_watermark_is_one")]

    def __str__(self) -> str:
        return str(self.at)
