"""Rules (SLAs) and their immutable versions: the five sentences, the timer, the ladder."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from handoffs.states import Reopen, RuleMode, StopClock
from opsportal.identity.actors import Principal
from opsportal.identity.queries import visible_teams

MAX_SLA_MINUTES = 525_600 * 2


class RuleQuerySet(models.QuerySet["Rule"]):
    def visible_to(self, principal: Principal | None) -> "RuleQuerySet":
        """Rules of the principal's teams, and those of nobody's team."""
        if principal is None:
            return self.none()
        teams = visible_teams(principal)
        return self if teams is None else self.filter(Q(team=None) | Q(team__in=teams))

    def at_work(self) -> "RuleQuerySet":
        """Rules under which handoffs are opened."""
        return self.filter(mode__in=[RuleMode.ACTIVE, RuleMode.SHADOW])


class Rule(models.Model):
    """A timer with a name and a consequence. What it says stands in `current`; earlier versions stay readable."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    team = models.ForeignKey(
        "identity.Team", null=True, blank=True, on_delete=models.PROTECT, related_name="handoff_rules"
    )
    mode = models.CharField(max_length=10, choices=[(m.value, m.value) for m in RuleMode], default=RuleMode.DRAFT)
    current = models.ForeignKey("RuleVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    shadow_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(mode=RuleMode.ACTIVE) | Q(activated_at__isnull=False), name="handoffs_rule_active_since"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> "RuleVersion":
        """The version in force. A rule is never without one: `create_rule` writes both."""
        assert self.current is not None  # noqa: S101 - for the type checker
        return self.current


class RuleVersion(models.Model):
    """What a rule says from one edit on. Never changed: each handoff points at the version it was opened under.

    `start_on`, `respond_on`, `complete_on`: {event_name, lifecycle?, attributes?} or null; `segments`: [{channel?,
    icp?, sla_minutes}], first match wins; `stages`: [{percent, actions}]; `grace_by_source`: {source: minutes},
    before `grace_minutes`. Grace shifts the stages, never a verdict.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    trigger = models.CharField(max_length=240, blank=True)
    target = models.CharField(max_length=240, blank=True)
    timer = models.CharField(max_length=240, blank=True)
    trace = models.CharField(max_length=240, blank=True)
    consequence = models.CharField(max_length=240, blank=True)
    start_on = models.JSONField(null=True, blank=True)
    respond_on = models.JSONField(null=True, blank=True)
    complete_on = models.JSONField(null=True, blank=True)
    stop_clock = models.CharField(
        max_length=20, choices=[(s.value, s.value) for s in StopClock], default=StopClock.FIRST_RESPONSE
    )
    calendar = models.ForeignKey("calendars.Calendar", on_delete=models.PROTECT, related_name="handoff_rule_versions")
    sla_minutes = models.PositiveIntegerField()
    segments = models.JSONField(default=list, blank=True)
    stages = models.JSONField()
    default_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    default_backup_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    fallback_person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    fallback_schedule = models.CharField(max_length=60, blank=True)
    reopen = models.CharField(max_length=10, choices=[(r.value, r.value) for r in Reopen], default=Reopen.NEW_CYCLE)
    grace_minutes = models.PositiveIntegerField(default=0)
    grace_by_source = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["rule", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="handoffs_rule_version_number"),
            models.CheckConstraint(
                condition=Q(sla_minutes__gte=1, sla_minutes__lte=MAX_SLA_MINUTES), name="handoffs_rule_version_sla"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} v{self.number}"
