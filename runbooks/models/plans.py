"""Replay plans: what a selection was when it was frozen, who said yes, and how far it has come."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from opsportal import ids
from opsportal.approvals.models import Approval
from opsportal.identity.models import Person
from runbooks.models.items import Release, ReplayItem
from runbooks.models.targets import MOST_PER_MINUTE, ReplayTarget
from runbooks.states import OVER_PLANS, PlanState

_OVER = sorted(one.value for one in OVER_PLANS)
_STARTED = [PlanState.RUNNING, PlanState.PAUSED, PlanState.COMPLETED, PlanState.ABORTED]


class ReplayPlanQuerySet(models.QuerySet["ReplayPlan"]):
    def visible_to(self, principal: Any) -> Self:
        """A plan follows its target."""
        return self.filter(target__in=ReplayTarget.objects.visible_to(principal))

    def undecided(self) -> Self:
        """What is not over."""
        return self.exclude(state__in=_OVER)


class ReplayPlan(models.Model):
    """Payloads of one target that are let go together. `selection` says which, until `frozen_at`: from then on its
    `items` are the plan, and `content_hash` covers them, the transformation, target and rate.

    `abort_ratio` is the share of what has ended badly above which it stops by itself. `canary_count`: so many go first,
    one for each key, and the rest waits until somebody resumes. `left_out` counts by state what was selected and not
    frozen. `paced_count` were let go before `paced_from`. `about` names what it is for, such as an incident.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    target = models.ForeignKey(ReplayTarget, on_delete=models.PROTECT, related_name="plans")
    state = models.CharField(
        max_length=20, choices=[(one.value, one.value) for one in PlanState], default=PlanState.DRAFT
    )
    note = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=500)
    selection = models.JSONField(default=dict, blank=True)
    transform = models.JSONField(default=list, blank=True)
    rate_per_minute = models.PositiveIntegerField(null=True, blank=True)
    canary_count = models.PositiveIntegerField(default=0)
    abort_ratio = models.DecimalField(max_digits=4, decimal_places=3)
    item_count = models.PositiveIntegerField(default=0)
    key_count = models.PositiveIntegerField(default=0)
    left_out = models.JSONField(default=dict, blank=True)
    is_critical = models.BooleanField("P0", default=False)
    content_hash = models.CharField(max_length=64, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    requester = models.CharField(max_length=150)  # the actor's key: a person's or a token's
    requester_label = models.CharField(max_length=150, blank=True)
    approval = models.ForeignKey(Approval, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    release = models.OneToOneField(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="plan")
    canary_passed_at = models.DateTimeField(null=True, blank=True)
    canary_passed_label = models.CharField(max_length=150, blank=True)
    paced_from = models.DateTimeField(null=True, blank=True)
    paced_count = models.PositiveIntegerField(default=0)
    about_type = models.CharField(max_length=40, blank=True)
    about_id = models.CharField(max_length=150, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ReplayPlanQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=_OVER, finished_at__isnull=False) | ~Q(state__in=_OVER) & Q(finished_at=None),
                name="runbooks_plan_finished_when_over",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=_STARTED) | Q(release__isnull=False, started_at__isnull=False),
                name="runbooks_plan_started_by_a_release",
            ),
            models.CheckConstraint(
                condition=Q(abort_ratio__gte=0, abort_ratio__lte=1), name="runbooks_plan_abort_ratio"
            ),
            models.CheckConstraint(
                condition=Q(rate_per_minute=None) | Q(rate_per_minute__gte=1, rate_per_minute__lte=MOST_PER_MINUTE),
                name="runbooks_plan_rate",
            ),
        ]
        indexes = [
            models.Index(fields=["state"], name="runbooks_plan_open", condition=~Q(state__in=_OVER)),
            models.Index(fields=["created_at"], name="runbooks_plan_created"),
            models.Index(fields=["about_type", "about_id"], name="runbooks_plan_about"),
        ]

    def __str__(self) -> str:
        if self.frozen_at is None:
            return f"Plan for {self.target}"
        return f"{self.item_count:,} payload{'' if self.item_count == 1 else 's'} to {self.target}"

    def get_absolute_url(self) -> str:
        return f"/replay/plans/{self.pk}/"

    @property
    def effective_rate(self) -> int:
        """Requests a minute: its own limit, never above the target's."""
        return min(self.rate_per_minute or self.target.rate_per_minute, self.target.rate_per_minute)

    @property
    def abort_percent(self) -> str:
        return f"{(self.abort_ratio * 100).normalize():f} %"

    @property
    def is_in_canary(self) -> bool:
        return self.canary_count > 0 and self.canary_passed_at is None


class PlanItem(models.Model):
    """One payload as it was frozen: this revision with this hash, after so many requests. `sent_sha256` is the hash of
    the transformed body, empty where nothing is transformed. What has a `finding` cannot be built and is not sent;
    `is_behind`: it stands behind a payload that waits for a person and is not in the plan.
    """

    id = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(ReplayPlan, on_delete=models.CASCADE, related_name="items", db_index=False)
    item = models.ForeignKey(ReplayItem, on_delete=models.PROTECT, related_name="plan_items")
    position = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    sent_sha256 = models.CharField(max_length=64, blank=True)
    tries = models.PositiveIntegerField()
    finding = models.CharField(max_length=20, blank=True)
    is_behind = models.BooleanField(default=False)
    is_canary = models.BooleanField(default=False)
    is_overtaken = models.BooleanField(default=False)  # somebody sent or decided it before its turn
    let_go_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["plan", "position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="runbooks_plan_item_position"),
            models.UniqueConstraint(fields=["plan", "item"], name="runbooks_plan_item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.plan_id}"

    @property
    def sent_revision(self) -> int:
        return self.revision + 1 if self.sent_sha256 else self.revision

    @property
    def webhook_id(self) -> str:
        return f"{self.item_id}.r{self.sent_revision}" if self.sent_revision else str(self.item_id)


class ShadowSend(models.Model):
    """One payload of a frozen plan that went to the shadow of its target, written before it went. It belongs to the dry
    run alone: no state, attempt, ledger line or breaker knows of it.
    """

    id = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(ReplayPlan, on_delete=models.CASCADE, related_name="shadow_sends", db_index=False)
    item = models.ForeignKey(ReplayItem, on_delete=models.CASCADE, related_name="shadow_sends")
    position = models.PositiveIntegerField()
    webhook_id = models.CharField(max_length=80)
    sent_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=60, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    is_taken = models.BooleanField(default=False)

    class Meta:
        ordering = ["plan", "position"]
        constraints = [models.UniqueConstraint(fields=["plan", "position"], name="runbooks_shadow_send_position")]

    def __str__(self) -> str:
        return f"{self.position} of {self.plan_id} in the shadow"

    @property
    def seconds(self) -> float | None:
        return None if self.duration_ms is None else self.duration_ms / 1000
