"""Handoffs and what happened to them: pauses, earlier cycles, stages that fired."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from handoffs.models.rules import MAX_SLA_MINUTES, Rule, RuleVersion
from handoffs.states import UNANSWERED, HandoffState, StopClock, is_running
from opsportal.identity.actors import Principal
from opsportal.identity.queries import person_of, visible_teams
from opsportal.ids import new_id

RUNNING = Q(state__in=UNANSWERED) | Q(state=HandoffState.RESPONDED, stop_clock=StopClock.COMPLETION)
PERSON = settings.AUTH_USER_MODEL


class HandoffQuerySet(models.QuerySet["Handoff"]):
    def visible_to(self, principal: Principal | None) -> "HandoffQuerySet":
        """Records under rules of the principal's teams or of nobody's, and those they own or back up."""
        if principal is None:
            return self.none()
        teams = visible_teams(principal)
        if teams is None:
            return self
        seen = Q(rule__team=None) | Q(rule__team__in=teams)
        person = person_of(principal)
        if person is not None:
            seen |= Q(owner=person) | Q(backup_owner=person)
        return self.filter(seen)

    def running(self) -> "HandoffQuerySet":
        """Records whose clock nothing has stopped; a pause only holds it."""
        return self.filter(RUNNING)

    def due(self, now: datetime) -> "HandoffQuerySet":
        """Records with a stage to fire, the longest due first: one index range."""
        return self.filter(next_fire_at__lte=now).order_by("next_fire_at")

    def past_timer(self, now: datetime) -> "HandoffQuerySet":
        """Records that count as missed as known at `now`, whether stopped or still running."""
        return self.filter(Q(missed=True) | Q(RUNNING, missed_from__lte=now))

    def breached_at(self, now: datetime) -> "HandoffQuerySet":
        return self.filter(Q(breached=True) | Q(RUNNING, breached_from__lte=now))

    def with_names(self) -> "HandoffQuerySet":
        """Everything that showing a record needs, in the same query."""
        return self.select_related("rule__team", "rule_version", "owner", "backup_owner", "calendar_version")


class Handoff(models.Model):
    """One record somebody must act on, under one rule; its columns speak of the present cycle.

    Facts are instants (`started_at`, `first_response_at`, ...). Everything in "Derived" follows from the facts, the
    pauses and the calendar version by `engine.clock`, and is written again whenever one of these changes; verdict
    columns count once the clock has stopped. Readers ask `queries.verdict_of`, never these columns, about a record
    that still runs.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="handoffs", db_index=False)
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    calendar_version = models.ForeignKey(
        "calendars.CalendarVersion", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    external_ref = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=200)
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in HandoffState], default=HandoffState.OPEN
    )
    cycle = models.PositiveSmallIntegerField(default=1)

    # --- Who ---
    owner = models.ForeignKey(
        PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="owned_handoffs", db_index=False
    )
    backup_owner = models.ForeignKey(
        PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="backed_handoffs", db_index=False
    )
    first_owner = models.ForeignKey(
        PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    held_by = models.JSONField(default=list, blank=True)  # ids of this cycle's owners so far: nobody gets it twice
    backup_missing = models.BooleanField(default=False)
    responder_kind = models.CharField(max_length=10, blank=True)
    responder_id = models.CharField(max_length=200, blank=True)
    responder_unknown = models.BooleanField(default=False)

    # --- The timer, a snapshot of the rule's ---
    stop_clock = models.CharField(max_length=20, choices=[(s.value, s.value) for s in StopClock])
    sla_minutes = models.PositiveIntegerField()
    sla_is_own = models.BooleanField(default=False)  # set for this record alone: a rule edit leaves it
    grace_seconds = models.PositiveIntegerField(default=0)

    # --- Facts ---
    started_at = models.DateTimeField()
    assigned_at = models.DateTimeField(null=True, blank=True)
    ingested_at = models.DateTimeField()
    ingest_lag_seconds = models.PositiveIntegerField(default=0)
    first_response_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(max_length=240, blank=True)
    breach_reason = models.CharField(max_length=120, blank=True)
    clock_skew = models.BooleanField(default=False)  # some instant lay in the sender's future or before the start
    late_on_arrival = models.BooleanField(default=False)
    historical = models.BooleanField(default=False)
    shadow = models.BooleanField(default=False)
    from_case = models.BooleanField(default=False)  # started by the events of a case: one per rule and case

    # --- Derived ---
    deadlines = models.JSONField(default=list, blank=True)  # [{percent, at}]: `at` null while a pause hides it
    next_fire_at = models.DateTimeField(null=True, blank=True)
    fired_percent = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    breach_at = models.DateTimeField(null=True, blank=True)
    missed_from = models.DateTimeField(null=True, blank=True)  # a stop from here on is a miss
    breached_from = models.DateTimeField(null=True, blank=True)
    elapsed_seconds = models.BigIntegerField(null=True, blank=True)
    missed = models.BooleanField(default=False)
    breached = models.BooleanField(default=False)
    business_hit = models.BooleanField(null=True, blank=True)
    absolute_hit = models.BooleanField(null=True, blank=True)
    within_business_hours = models.BooleanField(default=False)

    # --- Where it comes from, what it is about ---
    source = models.CharField(max_length=60, blank=True)
    event_id = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=64)
    channel = models.CharField(max_length=60, blank=True)
    icp = models.CharField(max_length=60, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    outcome = models.CharField(max_length=60, blank=True)
    url = models.CharField(max_length=500, blank=True)
    attributes = models.JSONField(default=dict, blank=True)

    objects = HandoffQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "external_ref"],
                condition=~Q(external_ref="") & RUNNING,
                name="handoffs_one_running_per_ref",
            ),
            models.UniqueConstraint(
                fields=["rule", "external_ref"], condition=Q(from_case=True), name="handoffs_one_per_case"
            ),
            models.CheckConstraint(
                condition=Q(sla_minutes__gte=1, sla_minutes__lte=MAX_SLA_MINUTES), name="handoffs_handoff_sla"
            ),
            models.CheckConstraint(
                condition=Q(next_fire_at=None) | (Q(historical=False) & RUNNING),
                name="handoffs_nothing_due_when_stopped",
            ),
            models.CheckConstraint(
                condition=Q(state=HandoffState.CANCELLED, cancelled_at__isnull=False)
                | (~Q(state=HandoffState.CANCELLED) & Q(cancelled_at=None)),
                name="handoffs_cancelled_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["next_fire_at"], name="handoffs_due", condition=Q(next_fire_at__isnull=False)),
            # What runs, with all that counting it asks for: the figures of board and cockpit read no row of the table.
            models.Index(
                fields=[
                    "missed_from",
                    "historical",
                    "state",
                    "started_at",
                    "breached_from",
                    "backup_missing",
                    "rule",
                    "owner",
                    "backup_owner",
                ],
                name="handoffs_running",
                condition=RUNNING,
            ),
            models.Index(fields=["due_at"], name="handoffs_running_due", condition=RUNNING),
            models.Index(fields=["due_at", "id"], name="handoffs_by_due"),
            models.Index(fields=["ingested_at", "id"], name="handoffs_by_arrival"),
            models.Index(fields=["external_ref", "rule"], name="handoffs_reference"),
            models.Index(fields=["rule", "-started_at"], name="handoffs_rule_started"),
            models.Index(fields=["-started_at", "-id"], name="handoffs_started"),
            models.Index(fields=["state", "started_at"], name="handoffs_state_started"),
            models.Index(fields=["owner", "due_at"], name="handoffs_owner_due"),
            models.Index(fields=["backup_owner"], name="handoffs_backup"),
            models.Index(fields=["calendar_version"], name="handoffs_calendar_running", condition=RUNNING),
            models.Index(fields=["trace_id"], name="handoffs_trace"),
            models.Index(fields=["missed_from"], name="handoffs_missed", condition=Q(missed=True)),
            models.Index(fields=["breached_from"], name="handoffs_breached", condition=Q(breached=True)),
            models.Index(fields=["ingested_at"], name="handoffs_late_arrivals", condition=Q(late_on_arrival=True)),
            models.Index(fields=["breach_reason"], name="handoffs_reason", condition=~Q(breach_reason="")),
        ]

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return f"/handoffs/{self.pk}/"

    @property
    def is_running(self) -> bool:
        return is_running(self.state, self.stop_clock)

    @property
    def stopped_at(self) -> datetime | None:
        """When the rule's clock stopped: the earliest answer or completion, or completion alone; None while it runs."""
        if self.stop_clock == StopClock.COMPLETION:
            return self.completed_at
        return min(filter(None, (self.first_response_at, self.completed_at)), default=None)


class Pause(models.Model):
    """The clock does not run in [from_at, until). `waiting` on the customer, or `closed` between completion and
    reopening.
    """

    class Kind(models.TextChoices):
        WAITING = "waiting", "waiting"
        CLOSED = "closed", "closed"

    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="pauses")
    cycle = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.WAITING)
    from_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["from_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["handoff"], condition=Q(until=None), name="handoffs_one_open_pause"),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=F("from_at")), name="handoffs_pause_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.from_at:%Y-%m-%d %H:%M}"


class PastCycle(models.Model):
    """An earlier cycle of a reopened handoff with its verdict, which stays as it was."""

    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="past_cycles", db_index=False)
    cycle = models.PositiveSmallIntegerField()
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    calendar_version = models.ForeignKey(
        "calendars.CalendarVersion", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    owner = models.ForeignKey(PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    first_owner = models.ForeignKey(PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    stop_clock = models.CharField(max_length=20)
    sla_minutes = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_index=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    first_response_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField()
    missed_from = models.DateTimeField(null=True)
    elapsed_seconds = models.BigIntegerField()
    missed = models.BooleanField()
    breached = models.BooleanField()
    business_hit = models.BooleanField(null=True)
    absolute_hit = models.BooleanField(null=True)
    within_business_hours = models.BooleanField()
    breach_reason = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["handoff", "cycle"]
        constraints = [models.UniqueConstraint(fields=["handoff", "cycle"], name="handoffs_past_cycle_number")]

    def __str__(self) -> str:
        return f"cycle {self.cycle}"


class StageFiring(models.Model):
    """One stage of the ladder fired, for ever once per (handoff, cycle, percent). In shadow it only would have.

    `recipients` are user names; `outcome` holds the keys alerted, notified, breached, kept, escalated, detected_late,
    owner_before and owner_after as far as they came about.
    """

    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="firings", db_index=False)
    cycle = models.PositiveSmallIntegerField()
    percent = models.PositiveSmallIntegerField()
    scheduled_at = models.DateTimeField()
    fired_at = models.DateTimeField()
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="firings", db_index=False)
    shadow = models.BooleanField(default=False)
    actions = models.JSONField()
    recipients = models.JSONField()
    outcome = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["handoff", "cycle", "percent"], name="handoffs_stage_fires_once")
        ]
        indexes = [models.Index(fields=["rule_version", "fired_at"], name="handoffs_firing_version")]

    def __str__(self) -> str:
        return f"{self.percent}% of cycle {self.cycle}"
