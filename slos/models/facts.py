"""Facts: news for the rooms above, at once the queue they claim from and the statistics."""

from django.db import models
from django.db.models import F, Q

from opsportal.catalog.models import Automation
from slos.models.heartbeats import Heartbeat
from slos.models.objectives import Slo
from slos.states import FactKind


class FactQuerySet(models.QuerySet["Fact"]):
    def unclaimed(self) -> "FactQuerySet":
        return self.filter(claimed_at=None, resolved_at=None)

    def going_on(self) -> "FactQuerySet":
        return self.filter(ended_at=None)


class Fact(models.Model):
    """Something is wrong [occurred_at, ended_at) that the on-call side may have to act on. `key` makes it once.

    Claimed by compare-and-swap (slos.facts.claim_fact). Until somebody claims it within `grace_until`, the owner of
    the automation hears of it once (`told_at`). `occurred_at` is when it began by the clock (for a missed heartbeat
    the due instant), `noticed_at` when a sweep saw it; `ended_at` None while it goes on.
    """

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in FactKind])
    automation = models.ForeignKey(Automation, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    heartbeat = models.ForeignKey(Heartbeat, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    slo = models.ForeignKey(Slo, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    team = models.CharField(max_length=60, blank=True)
    sentence = models.CharField(max_length=240)
    trace_id = models.CharField(max_length=64, blank=True)
    occurred_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
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
                name="slos_fact_unheard",
                condition=Q(told_at=None, claimed_at=None, resolved_at=None),
            ),
            models.Index(fields=["id"], name="slos_fact_unclaimed", condition=Q(claimed_at=None, resolved_at=None)),
            models.Index(fields=["automation", "kind", "occurred_at"], name="slos_fact_automation"),
            models.Index(fields=["kind"], name="slos_fact_going_on", condition=Q(ended_at=None)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(claimed_at=None, claimed_by="") | (Q(claimed_at__isnull=False) & ~Q(claimed_by="")),
                name="slos_fact_claimed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("occurred_at")), name="slos_fact_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
