"""What runs add up to, by minute, 15 minutes, hour and day of UTC; which minutes have changed since; and how far the
portal itself was looking. Pages read these and never scan runs.
"""

from django.db import models

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
    durations = models.JSONField(default=dict)  # log bins of 1% (slos.budgets.histogram): {bin: runs}
    errors = models.JSONField(default=dict)  # {error_type: failed runs}
    versions = models.JSONField(default=dict)  # {version: [succeeded, failed]}

    class Meta:
        ordering = ["automation", "width", "start"]
        constraints = [models.UniqueConstraint(fields=["automation", "width", "start"], name="slos_run_bucket")]

    def __str__(self) -> str:
        return f"{self.automation_id} {self.width} {self.start}"


class SliBucket(models.Model):
    """An SLI in [start, start + width seconds): events, or seconds where the method counts time. Written by the sweep
    alone. `causes` sums to `bad`: {"kind|value": bad}.
    """

    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="+", db_index=False)
    width = models.PositiveIntegerField()
    start = models.DateTimeField()
    valid = models.BigIntegerField(default=0)
    bad = models.BigIntegerField(default=0)
    excluded = models.BigIntegerField(default=0)
    unmeasured = models.BigIntegerField(default=0)
    causes = models.JSONField(default=dict)

    class Meta:
        ordering = ["slo", "width", "start"]
        constraints = [models.UniqueConstraint(fields=["slo", "width", "start"], name="slos_sli_bucket")]

    def __str__(self) -> str:
        return f"{self.slo_id} {self.width} {self.start}"


class DirtyMinute(models.Model):
    """Something changed among what ended in this minute: whoever changes it adds a row in the same transaction. Not
    unique, so that two who write into one minute do not wait for each other. `slo` alone: its definition changed.
    """

    id = models.BigAutoField(primary_key=True)
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    slo = models.ForeignKey(Slo, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    minute = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.minute)


class Watermark(models.Model):
    """How far an SLO's rollups are complete: the newest instant up to which the portal was receiving and sweeping."""

    slo = models.OneToOneField(Slo, primary_key=True, on_delete=models.CASCADE, related_name="watermark")
    measured_from = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.slo_id} {self.at}"
