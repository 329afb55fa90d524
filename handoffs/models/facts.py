"""Facts about handoffs: a breach, nobody left to take over, an escalation."""

from datetime import datetime

from django.db import models

from handoffs.models.handoffs import Handoff
from handoffs.models.rules import Rule
from handoffs.states import FactKind
from opsportal.audit.engine import Subject
from opsportal.facts import models as facts


class Fact(facts.Fact):
    """What a stage of a handoff reported; `cycle` and `percent` say which."""

    TRAIL = "handoff"
    NAMED = ("handoff__owner", "handoff__rule", "rule")

    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in FactKind])
    handoff = models.ForeignKey(Handoff, null=True, blank=True, on_delete=models.CASCADE, related_name="facts")
    cycle = models.PositiveSmallIntegerField(default=1)
    percent = models.PositiveSmallIntegerField(default=0)
    rule = models.ForeignKey(
        Rule, null=True, blank=True, on_delete=models.PROTECT, related_name="facts", db_index=False
    )

    class Meta(facts.Fact.Meta):
        indexes = [
            *facts.Fact.Meta.indexes,
            models.Index(fields=["rule", "kind", "occurred_at"], name="handoffs_fact_rule_kind"),
        ]

    def subject(self) -> Subject:
        if self.handoff is None:
            return super().subject()
        return Subject("handoff", str(self.handoff.pk), self.handoff.subject)

    @property
    def over_at(self) -> datetime | None:
        """Once somebody answered, or nobody has to any more."""
        record = self.handoff
        ends = (record.stopped_at, record.cancelled_at) if record is not None else ()
        return min(filter(None, (super().over_at, *ends)), default=None)

    def rule_slug(self) -> str:
        return self.rule.slug if self.rule else ""
