"""Facts about the replay queue: that it grows, that it gets old, that the same fails again and again."""

from enum import StrEnum

from django.db import models

from opsportal.audit.engine import Subject
from opsportal.facts import models as facts
from runbooks.models.targets import ReplayTarget


class ReplayFactKind(StrEnum):
    """What a room above may act on."""

    GROWTH = "replay_growth"
    AGE = "replay_age"
    POISON = "replay_poison"


class ReplayFact(facts.Fact):
    """Something about what waits for a target. `episode` is what goes on; `key` says it once in each of its periods."""

    TRAIL = "replay"
    NAMED = ("target__automation__owner", "target__automation__team", "target__team")

    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in ReplayFactKind])
    target = models.ForeignKey(ReplayTarget, on_delete=models.CASCADE, related_name="facts")
    episode = models.CharField(max_length=200)
    sentence = models.CharField(max_length=240)
    advice = models.CharField(max_length=240, blank=True)

    class Meta(facts.Fact.Meta):
        indexes = [
            *facts.Fact.Meta.indexes,
            models.Index(fields=["episode"], name="runbooks_fact_going_on", condition=models.Q(resolved_at=None)),
        ]

    def subject(self) -> Subject:
        automation = self.target.automation
        if automation is not None:
            return Subject("automation", automation.slug, automation.name)
        return Subject("replay_target", self.target.slug, str(self.target))

    def says(self) -> str:
        return self.sentence
