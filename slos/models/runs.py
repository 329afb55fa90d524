"""Runs of automations and the queues before them, as their platforms report them."""

from typing import Any, Self

from django.db import models
from django.db.models import F, Q

from opsportal.catalog.models import Automation
from slos.states import RunStatus


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, principal: Any) -> Self:
        return self.filter(automation__in=Automation.objects.visible_to(principal))


class Run(models.Model):
    """One execution of an automation. (automation, run_id) is its identity; `body_hash` (SHA-256 of the report that
    ended it, empty before) tells a repeat from a contradiction.

    `occurred_at` is when what it carries happened (the trigger); freshness is finished_at - occurred_at. A final run
    without `duration_ms` did not say when it started: `started_at` is its end then. `said` notes which fields the
    final report gave itself (slos.runs.engine.FILLED, a bit each); reports of its start fill the others.
    """

    id = models.BigAutoField(primary_key=True)
    automation = models.ForeignKey(Automation, on_delete=models.PROTECT, related_name="runs", db_index=False)
    run_id = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=[(one.value, one.value) for one in RunStatus])
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    occurred_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.BigIntegerField(null=True, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    payload_bytes = models.BigIntegerField(null=True, blank=True)
    error_type = models.CharField(max_length=120, blank=True)
    error_message = models.CharField(max_length=2000, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    retries = models.PositiveIntegerField(default=0)
    compensated = models.BooleanField(default=False)
    interventions = models.PositiveIntegerField(default=0)
    version = models.CharField(max_length=60, blank=True)
    environment = models.CharField(max_length=60, blank=True)
    trigger = models.CharField(max_length=20, blank=True)
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    items_out = models.BigIntegerField(null=True, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    steps = models.JSONField(default=list, blank=True)
    body_hash = models.BinaryField(max_length=32, default=bytes)
    said = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["automation", "run_id"], name="slos_run_key"),
            models.CheckConstraint(
                condition=Q(status__in=[one.value for one in RunStatus]), name="slos_run_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status="running", finished_at=None)
                | (~Q(status="running") & Q(finished_at__gte=F("started_at"))),
                name="slos_run_ends_after_start",
            ),
        ]
        indexes = [
            models.Index(fields=["automation", "started_at"], name="slos_run_started"),
            models.Index(fields=["automation", "finished_at"], name="slos_run_finished"),
            models.Index(fields=["started_at"], name="slos_run_running", condition=Q(status="running")),
            models.Index(fields=["correlation_id"], name="slos_run_correlation", condition=~Q(correlation_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.automation} {self.run_id}"


class QueueGauge(models.Model):
    """How much waits in front of an automation, as it was last reported."""

    automation = models.OneToOneField(
        Automation, primary_key=True, on_delete=models.CASCADE, related_name="queue_gauge"
    )
    depth = models.PositiveBigIntegerField()
    oldest_age_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    reported_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.depth} before {self.automation}"


class RunHorizon(models.Model):
    """Runs of an automation that ended before `until` are deleted; what they add up to is closed."""

    automation = models.OneToOneField(
        Automation, primary_key=True, on_delete=models.CASCADE, related_name="run_horizon"
    )
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.automation} {self.until}"
