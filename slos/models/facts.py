"""Facts about automations, heartbeats and SLOs, and how automations are watched for some of them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import F, Q

from opsportal.audit.engine import Subject
from opsportal.catalog.models import Automation
from opsportal.facts import models as facts
from opsportal.identity.queries import visible_teams
from slos.models.heartbeats import Heartbeat
from slos.models.objectives import Slo
from slos.states import FactKind


class FactQuerySet(facts.FactQuerySet["Fact"]):
    def visible_to(self, principal: Any) -> Self:
        """Facts follow what they are about: the automation, the SLO, the heartbeat; else their team."""
        teams = visible_teams(principal)
        if teams is None:
            return self
        return self.filter(
            Q(automation__in=Automation.objects.visible_to(principal))
            | Q(automation=None, slo__in=Slo.objects.visible_to(principal))
            | Q(automation=None, slo=None, heartbeat__in=Heartbeat.objects.visible_to(principal))
        )

    def going_on(self) -> Self:
        return self.filter(ended_at=None)


class Fact(facts.Fact):
    """Something is wrong [occurred_at, ended_at).

    `occurred_at` is when it began by the clock (for a missed heartbeat the due instant); `ended_at` None while it goes
    on. Of one `episode` (a burn of an SLO) only one fact goes on at a time. Whoever was told that it began is told once
    that it is over (`closed_at`).
    """

    TRAIL = "slo"
    NAMED = (
        *("automation__owner", "automation__backup_owner", "automation__cost_owner", "automation__team"),
        *("slo__team", "heartbeat__team"),
    )

    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in FactKind])
    episode = models.CharField(max_length=120, blank=True)
    automation = models.ForeignKey(Automation, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    heartbeat = models.ForeignKey(Heartbeat, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    slo = models.ForeignKey(Slo, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    sentence = models.CharField(max_length=240)
    ended_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = FactQuerySet.as_manager()  # type: ignore[misc]

    class Meta(facts.Fact.Meta):
        indexes = [
            *facts.Fact.Meta.indexes,
            models.Index(fields=["automation", "kind", "occurred_at"], name="slos_fact_automation"),
            models.Index(fields=["kind"], name="slos_fact_going_on", condition=Q(ended_at=None)),
            models.Index(
                fields=["ended_at"],
                name="slos_fact_to_close",
                condition=Q(told_at__isnull=False, ended_at__isnull=False, closed_at=None),
            ),
        ]
        constraints = [
            *facts.Fact.Meta.constraints,
            models.UniqueConstraint(
                fields=["episode"], name="slos_fact_one_episode", condition=Q(ended_at=None) & ~Q(episode="")
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("occurred_at")), name="slos_fact_ends_after_start"
            ),
        ]

    def subject(self) -> Subject:
        if self.automation is not None:
            return Subject("automation", self.automation.slug, self.automation.name)
        about = self.slo or self.heartbeat
        if about is None:
            return super().subject()
        return Subject("slo" if self.slo else "heartbeat", about.slug, str(about))

    def says(self) -> str:
        return self.sentence

    @property
    def over_at(self) -> datetime | None:
        return min(filter(None, (self.ended_at, super().over_at)), default=None)


class Watch(models.Model):
    """How the volume of an automation's runs and the drift of its errors are watched, and up to where they were.

    `false_alarms_per_year` is what each test may cost in attention when nothing is wrong; `volume_factor` is the rule
    that people read, beside the test (SEMANTICS: x3).
    """

    automation = models.OneToOneField(Automation, primary_key=True, on_delete=models.CASCADE, related_name="watch")
    watches_volume = models.BooleanField(default=True)
    volume_rule = models.CharField(
        max_length=6, choices=[("test", "test"), ("factor", "factor"), ("both", "both")], default="test"
    )
    volume_factor = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(3))
    watches_drift = models.BooleanField(default=True)
    drift_factor = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(2))
    false_alarms_per_year = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal(2))
    looked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "watches"
        indexes = [models.Index(fields=["looked_until"], name="slos_watch_looked")]
        constraints = [
            models.CheckConstraint(
                condition=Q(volume_factor__gt=1, drift_factor__gt=1, false_alarms_per_year__gt=0),
                name="slos_watch_can_fire",
            )
        ]

    def __str__(self) -> str:
        return f"Watch over {self.automation_id}"
