"""What leaves and enters by other programs' formats: totals behind /metrics, and reports of unknown workflows."""

from django.db import models
from django.db.models import Q

from opsportal.catalog.models import Automation
from opsportal.integrations.models import Integration
from slos.models.objectives import Slo


class ExportedTotal(models.Model):
    """What an automation's runs, or an SLO's events, have added up to since the beginning, for counters.

    A counter only grows, whatever retention deletes or an exclusion takes back: `days` holds what the rollups of the
    last days said when they were looked at, and only what has been added to a day since then is added to `totals`.
    """

    automation = models.OneToOneField(
        Automation, null=True, blank=True, on_delete=models.CASCADE, related_name="exported_total"
    )
    slo = models.OneToOneField(Slo, null=True, blank=True, on_delete=models.CASCADE, related_name="exported_total")
    totals = models.JSONField(default=dict)
    days = models.JSONField(default=dict)  # {ISO date: totals of that day}
    gauges = models.JSONField(default=dict)  # of an SLO: its budget as of updated_at
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(automation__isnull=False, slo=None) | Q(automation=None, slo__isnull=False),
                name="slos_total_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.automation_id or ''}/{self.slo_id or ''}"


class UnmatchedReport(models.Model):
    """A failure that n8n reported of a workflow nobody has named an automation for. Kept until somebody does; then it
    becomes the run that it was.
    """

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="unmatched", db_index=False)
    workflow_id = models.CharField(max_length=100)
    workflow_name = models.CharField(max_length=200, blank=True)
    run_id = models.CharField(max_length=200)
    run = models.JSONField()
    trace_id = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "workflow_id", "run_id"], name="slos_unmatched_once")
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name or self.workflow_id} {self.run_id}"
