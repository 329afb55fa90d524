"""Going through a runbook: who did which step when, what was left out and why, what a button did."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from opsportal import ids
from opsportal.approvals.models import Approval
from opsportal.identity.models import Person
from runbooks.models.library import Runbook, RunbookRevision
from runbooks.states import ExecutionState, StepState


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def visible_to(self, principal: Any) -> Self:
        """Those of the runbooks one may see."""
        return self.filter(runbook__in=Runbook.objects.visible_to(principal))


class Execution(models.Model):
    """One time of going through the revision that was published when it began. `about` names what it was for, such as
    an incident, by type and id.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    runbook = models.ForeignKey(Runbook, on_delete=models.PROTECT, related_name="executions")
    revision = models.ForeignKey(RunbookRevision, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=10, choices=[(one.value, one.value) for one in ExecutionState], default=ExecutionState.RUNNING
    )
    is_drill = models.BooleanField("drill", default=False)
    reason = models.CharField(max_length=500)
    about_type = models.CharField(max_length=40, blank=True)
    about_id = models.CharField(max_length=150, blank=True)
    started_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    started_label = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=500, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=ExecutionState.RUNNING, finished_at=None)
                | Q(state__in=[ExecutionState.COMPLETED, ExecutionState.ABANDONED], finished_at__isnull=False),
                name="runbooks_execution_finished_when_over",
            ),
        ]
        indexes = [
            models.Index(fields=["started_at"], name="runbooks_execution_started"),
            models.Index(fields=["about_type", "about_id"], name="runbooks_execution_about"),
        ]

    def __str__(self) -> str:
        return f"{self.runbook}, {self.started_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return f"/runbooks/executions/{self.pk}/"

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


class ExecutionStep(models.Model):
    """One step as it stood in the revision, and what became of it. `seconds` is the time since the step before it."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=80)
    section = models.CharField(max_length=60)
    number = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    text = models.TextField()
    check_text = models.CharField("check", max_length=500, blank=True)
    action = models.JSONField(null=True, blank=True)
    state = models.CharField(
        max_length=8, choices=[(one.value, one.value) for one in StepState], default=StepState.PENDING
    )
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    person_label = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    seconds = models.PositiveIntegerField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    approval = models.ForeignKey(Approval, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ran_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=500, blank=True)
    undo = models.JSONField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["execution", "position"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "key"], name="runbooks_execution_step_once"),
            models.CheckConstraint(
                condition=Q(state=StepState.PENDING, at=None) | (~Q(state=StepState.PENDING) & Q(at__isnull=False)),
                name="runbooks_execution_step_decided_at",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.SKIPPED) | ~Q(note=""), name="runbooks_execution_skip_has_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["at"], condition=Q(at__isnull=False), name="runbooks_execution_step_at")]

    def __str__(self) -> str:
        return self.title

    @property
    def label(self) -> str:
        return f"{self.section.capitalize()} {self.number}"
