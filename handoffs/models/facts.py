"""Facts: news for the rooms above, at once the queue they claim from and the statistics."""

from django.db import models
from django.db.models import Q

from handoffs.models.handoffs import Handoff
from handoffs.models.rules import Rule
from handoffs.states import FactKind


class FactQuerySet(models.QuerySet["Fact"]):
    def unclaimed(self) -> "FactQuerySet":
        return self.filter(claimed_at=None, resolved_at=None)


class Fact(models.Model):
    """Something happened that the on-call side may have to act on. Claimed by compare-and-swap (operations.claim_fact).

    `key` makes it once. Until somebody claims it within `grace_until` its owner hears of it once (`told_at`).
    `occurred_at` is when it happened by the clock, `noticed_at` when a sweep saw it.
    """

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in FactKind])
    handoff = models.ForeignKey(Handoff, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    cycle = models.PositiveSmallIntegerField(default=1)
    percent = models.PositiveSmallIntegerField(default=0)
    rule = models.ForeignKey(
        Rule, null=True, blank=True, on_delete=models.PROTECT, related_name="facts", db_index=False
    )
    team = models.CharField(max_length=60, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)
    occurred_at = models.DateTimeField()
    noticed_at = models.DateTimeField()
    grace_until = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=240, blank=True)
    data = models.JSONField(default=dict, blank=True)

    objects = FactQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["grace_until"],
                name="handoffs_fact_unheard",
                condition=Q(told_at=None, claimed_at=None, resolved_at=None),
            ),
            models.Index(fields=["id"], name="handoffs_fact_unclaimed", condition=Q(claimed_at=None, resolved_at=None)),
            models.Index(fields=["rule", "kind", "occurred_at"], name="handoffs_fact_rule_kind"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(claimed_at=None, claimed_by="") | (Q(claimed_at__isnull=False) & ~Q(claimed_by="")),
                name="handoffs_fact_claimed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
