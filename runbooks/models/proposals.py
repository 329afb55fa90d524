"""Runbooks that facts proposed: each fact at most once for each runbook, and what a person made of it."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from opsportal import ids
from opsportal.identity.models import Person
from runbooks.models.executions import Execution
from runbooks.models.library import Runbook
from runbooks.states import ProposalState


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def visible_to(self, principal: Any) -> Self:
        """Those of the runbooks one may see."""
        return self.filter(runbook__in=Runbook.objects.visible_to(principal))

    def waiting(self, at: datetime) -> Self:
        return self.filter(state=ProposalState.WAITING, expires_at__gt=at)


class Proposal(models.Model):
    """A runbook offered for a fact. Nothing of it happens before a person starts it; after `expires_at` nobody can.

    `source` and `fact_key` name the fact, which lives in a room of its own; `about` is what it was about.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    runbook = models.ForeignKey(Runbook, on_delete=models.PROTECT, related_name="proposals", db_index=False)
    source = models.CharField(max_length=20)
    fact_key = models.CharField(max_length=200)
    fact_kind = models.CharField(max_length=20)
    sentence = models.CharField(max_length=240)
    about_type = models.CharField(max_length=40)
    about_id = models.CharField(max_length=200)
    about_label = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=8, choices=[(one.value, one.value) for one in ProposalState], default=ProposalState.WAITING
    )
    occurred_at = models.DateTimeField()
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_label = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    execution = models.OneToOneField(
        Execution, null=True, blank=True, on_delete=models.PROTECT, related_name="proposal"
    )
    trace_id = models.CharField(max_length=64, blank=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-proposed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["runbook", "source", "fact_key"], name="runbooks_proposal_once_a_fact"),
            models.UniqueConstraint(
                fields=["runbook", "about_type", "about_id"],
                condition=Q(state=ProposalState.WAITING),
                name="runbooks_proposal_one_waits",
            ),
            models.CheckConstraint(
                condition=Q(state=ProposalState.WAITING, decided_at=None)
                | (~Q(state=ProposalState.WAITING) & Q(decided_at__isnull=False)),
                name="runbooks_proposal_decided_at",
            ),
            # Only a person starts one.
            models.CheckConstraint(
                condition=Q(state=ProposalState.STARTED, execution__isnull=False, decided_by__isnull=False)
                | (~Q(state=ProposalState.STARTED) & Q(execution=None)),
                name="runbooks_proposal_started_by_a_person",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="waiting"), name="runbooks_proposal_waiting"),
            models.Index(fields=["proposed_at"], name="runbooks_proposal_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.runbook} for {self.about_label or self.about_id}"

    def get_absolute_url(self) -> str:
        return f"/runbooks/proposals/{self.pk}/"

    def is_open(self, at: datetime) -> bool:
        return self.state == ProposalState.WAITING and self.expires_at > at
