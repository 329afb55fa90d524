"""What the facts of every room have in common; each room has a table of its own and says what its facts are about."""

from datetime import datetime
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Q

from opsportal.audit.engine import Subject

T = TypeVar("T", bound="Fact", covariant=True)


class FactQuerySet(models.QuerySet[T]):
    def unclaimed(self) -> Self:
        return self.filter(claimed_at=None, resolved_at=None)

    def unheard(self, now: datetime) -> Self:
        """Those that nobody took up within their grace and nobody has been told of; the longest wait first."""
        return self.unclaimed().filter(told_at=None, grace_until__lte=now).order_by("grace_until")

    def lock(self, limit: int) -> list[T]:
        """Up to `limit` of these that no other sweeper holds, with what a message names: joins stay out of the lock."""
        keys = list(self.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        rows = type(self)(self.model).filter(pk__in=keys).select_related(*self.model.NAMED)
        return list(rows.order_by("id")) if keys else []


class Fact(models.Model):
    """Something happened that the on-call side may have to act on. `key` makes it once.

    Claimed by compare-and-swap (opsportal.facts.operations). Until somebody claims it within `grace_until` whoever
    answers for it hears of it once (`told_at`). `occurred_at` is when it happened by the clock, `noticed_at` when a
    sweep saw it.
    """

    TRAIL: ClassVar[str]  # what its actions in the trail begin with
    NAMED: ClassVar[tuple[str, ...]]  # relations that its messages and its trail name

    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20)
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
        abstract = True
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["grace_until"],
                name="%(app_label)s_fact_unheard",
                condition=Q(told_at=None, claimed_at=None, resolved_at=None),
            ),
            models.Index(
                fields=["id"], name="%(app_label)s_fact_unclaimed", condition=Q(claimed_at=None, resolved_at=None)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(claimed_at=None, claimed_by="") | (Q(claimed_at__isnull=False) & ~Q(claimed_by="")),
                name="%(app_label)s_fact_claimed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    def subject(self) -> Subject:
        """What it is about, for the trail."""
        return Subject("fact", self.key)

    def says(self) -> str:
        """What happened, as a sentence."""
        return f"{self.kind.replace('_', ' ').capitalize()}: {self.subject().label or self.key}."

    @property
    def over_at(self) -> datetime | None:
        """Since when nothing is left to be done about it; None while something is."""
        return self.resolved_at

    @property
    def is_over(self) -> bool:
        return self.over_at is not None

    def rule_slug(self) -> str:
        """The rule it follows from, where there is one."""
        return ""
