"""The event log of cases: append-only rows, the table that gives an event its identity, and how far imports came."""

from django.db import models
from django.db.models import Q


class CaseEvent(models.Model):
    """Something that happened in a case, as some system told it. Never changed.

    Arrival order is `id`; the order in a case is (occurred_at, id). `actor_kind` is human, system or unknown.
    """

    id = models.BigAutoField(primary_key=True)
    case_id = models.CharField(max_length=200)
    event_name = models.CharField(max_length=200)
    lifecycle = models.CharField(max_length=60, blank=True)
    occurred_at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10, default="unknown")
    actor_id = models.CharField(max_length=200, blank=True)
    channel = models.CharField(max_length=60, blank=True)
    location = models.CharField(max_length=200, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    reason_code = models.CharField(max_length=120, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    source = models.CharField(max_length=60, blank=True)
    event_id = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)
    ingested_at = models.DateTimeField()
    historical = models.BooleanField(default=False)
    clock_skew = models.BooleanField(default=False)  # it lay in the future when it arrived, by up to 300 seconds

    class Meta:
        ordering = ["occurred_at", "id"]
        indexes = [
            models.Index(fields=["case_id", "occurred_at"], name="handoffs_event_case"),
            models.Index(fields=["trace_id"], name="handoffs_event_trace", condition=~Q(trace_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} of {self.case_id}"


class EventKey(models.Model):
    """Who said what first: one row per (source, event_id) and scope, claimed in the transaction of its effect.

    `scope` is "event" for the log, else the action on a handoff ("create", "respond", ...): a CRM may send one id to
    both. `result_id` is the id of the row it made or moved; `row_at` lets a partition be found.
    """

    source = models.CharField(max_length=60, blank=True)
    event_id = models.CharField(max_length=200)
    scope = models.CharField(max_length=12)
    body_hash = models.BinaryField(max_length=32)
    result_id = models.CharField(max_length=40)
    row_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id", "scope"], name="handoffs_event_key"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class EventImport(models.Model):
    """How far a file has been taken into the log; moves in the transaction of each chunk, so a killed import goes on.

    `key` is a SHA-256 of the file's bytes and of how it is read; `position` counts the records that are done.
    """

    key = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=60)
    position = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
