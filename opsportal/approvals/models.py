"""A request that a second person decides. What is approved stands here word for word, bound by its hash."""

import json
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from opsportal import ids
from opsportal.approvals.states import FRESH_SESSION, Risk, State
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import person_of, visible_teams


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def visible_to(self, principal: Principal | None) -> "ApprovalQuerySet":
        """What a principal asked for or decided, their teams', and what belongs to no team."""
        if principal is None:
            return self.none()
        person = person_of(principal)
        teams = visible_teams(principal)
        if teams is None:
            return self
        own = Q(requested_by=person) | Q(decided_by=person) if person is not None else Q()
        return self.filter(Q(team__isnull=True) | Q(team__in=teams) | own)

    def pending(self, now: datetime) -> "ApprovalQuerySet":
        """Waiting for a decision that still counts."""
        return self.filter(state=State.PENDING, expires_at__gt=now)

    def in_state(self, state: State, now: datetime) -> "ApprovalQuerySet":
        """As state_at() would answer, in SQL."""
        over = Q(state__in=[State.PENDING, State.APPROVED], expires_at__lte=now)
        if state == State.EXPIRED:
            return self.filter(over | Q(state=State.EXPIRED))
        return self.filter(state=state).exclude(over)

    def overdue(self, now: datetime) -> "ApprovalQuerySet":
        """Still written as pending or approved, though their time has passed."""
        return self.filter(state__in=[State.PENDING, State.APPROVED], expires_at__lte=now)


class Approval(models.Model):
    """`content` is canonical JSON, exactly what the approver saw and what may be done; `content_hash` its SHA-256.

    One decision, by somebody else than who asked. An approval is used at most once, before `expires_at`.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    kind = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=150)
    subject_label = models.CharField(max_length=200, blank=True)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="approvals")
    title = models.CharField(max_length=200)
    consequence = models.CharField(max_length=240)
    content = models.TextField()
    content_hash = models.CharField(max_length=64)
    risk = models.CharField(max_length=10, choices=[(risk.value, risk.value) for risk in Risk])
    reason = models.CharField(max_length=500, blank=True)
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="approvals_requested")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(
        max_length=10, choices=[(state.value, state.value) for state in State], default=State.PENDING
    )
    decided_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="approvals_decided"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=500, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closing_reason = models.CharField(max_length=500, blank=True)
    trace_id = models.CharField(max_length=64)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id", "content_hash"],
                condition=Q(state=State.PENDING),
                name="approvals_one_pending",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="approvals_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.APPROVED, State.REFUSED, State.USED])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="approvals_decision_has_a_person",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[State.PENDING, State.APPROVED], closed_at__isnull=True)
                | Q(state__in=[State.REFUSED, State.EXPIRED, State.VOIDED, State.USED], closed_at__isnull=False),
                name="approvals_closed_when_over",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("requested_at")), name="approvals_expire_after_the_request"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=[State.PENDING, State.APPROVED]),
                name="approvals_open",
            ),
            models.Index(fields=["subject_type", "subject_id"], name="approvals_subject"),
            models.Index(fields=["requested_by", "-requested_at"], name="approvals_requester"),
        ]

    def __str__(self) -> str:
        return self.title

    def state_at(self, now: datetime) -> State:
        """The state that counts: what is open past `expires_at` has expired, whether or not a sweep wrote it down."""
        state = State(self.state)
        if state in (State.PENDING, State.APPROVED) and self.expires_at <= now:
            return State.EXPIRED
        return state

    def needs_password(self, authenticated_at: datetime | None, now: datetime) -> bool:
        """Whether approving this asks for the password again: it is dangerous, and the last one is too long ago."""
        is_fresh = authenticated_at is not None and now - authenticated_at <= FRESH_SESSION
        return self.risk == Risk.DANGEROUS and not is_fresh

    @property
    def shown(self) -> Any:
        """The content as a structure, for pages and the API."""
        return json.loads(self.content)
