"""Where replay may send, and how each of these places fares."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from opsportal.catalog.models import SLUG, Automation
from opsportal.identity.models import Team
from opsportal.identity.queries import visible_teams

MOST_PER_MINUTE, MOST_ATTEMPTS, MOST_SECONDS = 60_000, 50, 30


class ReplayTargetQuerySet(models.QuerySet["ReplayTarget"]):
    def visible_to(self, principal: Any) -> Self:
        """A target belongs to its automation's team, else to its own; what belongs to nobody everybody sees."""
        teams = visible_teams(principal)
        if teams is None:
            return self
        of_automations = Q(automation__in=Automation.objects.visible_to(principal))
        return self.filter(of_automations | Q(automation=None, team=None) | Q(automation=None, team_id__in=teams))


class ReplayTarget(models.Model):
    """An address that payloads are sent to, at most `rate_per_minute` of them. `idempotent` declares that it acts once
    per webhook-id, however often that comes; only then is what may have arrived sent again without a person.
    `slowed_to`: the rate of a slower plan while it runs, where a query has read that along (queue.claims).

    `superseding`: a newer payload of a record key replaces the older ones that wait. `backup_mode`: whoever would send
    to the target stores here instead. `already_there`: answers that mean it had the payload before. `shadow_url` gets
    samples of dry runs, with a secret of its own: what signs in earnest never goes there.
    """

    KEPT_AS: ClassVar[str] = "replay-target"
    slowed_to: int | None = None

    slug = models.CharField(max_length=60, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=2000)
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="replay_targets"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="replay_targets")
    rate_per_minute = models.PositiveIntegerField(default=60)
    max_attempts = models.PositiveSmallIntegerField(default=5)
    timeout_seconds = models.PositiveSmallIntegerField(default=10)
    idempotent = models.BooleanField(default=False)
    superseding = models.BooleanField(default=False)
    already_there = models.JSONField(default=list, blank=True)
    secret_ref = models.CharField(max_length=80, blank=True)
    signing_secret = models.BinaryField(max_length=400, null=True, blank=True)
    shadow_url = models.CharField(max_length=2000, blank=True)
    shadow_secret_ref = models.CharField(max_length=80, blank=True)
    backup_mode = models.BooleanField(default=False)
    backup_since = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stop_reason = models.CharField(max_length=240, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = ReplayTargetQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rate_per_minute__gte=1, rate_per_minute__lte=MOST_PER_MINUTE),
                name="runbooks_target_rate",
            ),
            models.CheckConstraint(
                condition=Q(max_attempts__gte=1, max_attempts__lte=MOST_ATTEMPTS), name="runbooks_target_attempts"
            ),
            models.CheckConstraint(
                condition=Q(timeout_seconds__gte=1, timeout_seconds__lte=MOST_SECONDS), name="runbooks_target_timeout"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    def get_absolute_url(self) -> str:
        return f"/replay/targets/{self.slug}/"

    @property
    def pace(self) -> int:
        """Requests a minute at this moment."""
        return min(self.rate_per_minute, self.slowed_to or self.rate_per_minute)


class TargetHealth(models.Model):
    """What changes with every request: the next free slot of its rate, the breaker, the retry budget.

    The breaker is open while `opened_at` is set; at `probe_at` one request may try. Kept apart from the declaration,
    so that a send never writes over what a person edits.
    """

    target = models.OneToOneField(ReplayTarget, primary_key=True, on_delete=models.CASCADE, related_name="health")
    next_slot_at = models.DateTimeField(null=True, blank=True)
    retry_tokens = models.FloatField(default=10.0)
    retry_tokens_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)  # of the target in a row
    opened_at = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)
    openings = models.PositiveIntegerField(default=0)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=240, blank=True)
    live_at = models.DateTimeField(null=True, blank=True)  # when somebody last reported live traffic of their own
    live_count = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "health of targets"
        constraints = [
            models.CheckConstraint(
                condition=Q(opened_at=None, probe_at=None) | Q(opened_at__isnull=False, probe_at__isnull=False),
                name="runbooks_open_breaker_has_a_probe",
            )
        ]

    def __str__(self) -> str:
        return f"health of {self.target_id}"
