"""The hit rate added up by day: what is settled, and which days have changed since they were added up."""

from datetime import timedelta

from django.db import models

from handoffs.models.rules import Rule


class RateDay(models.Model):
    """Counts (handoffs.engine.rates.Counts) of the settled cycles that began on one UTC day under one rule.

    `dimension` is "" for everything, else the name of what `value` is a value of; `reason` is why cycles were
    cancelled. Written by the sweep alone, and true unless a DirtyDay says otherwise.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    dimension = models.CharField(max_length=24, blank=True)
    value = models.CharField(max_length=240, blank=True)
    reason = models.CharField(max_length=240, blank=True)
    n = models.IntegerField()
    excluded = models.IntegerField()
    strict_misses = models.IntegerField()
    business_evaluated = models.IntegerField()
    business_hits = models.IntegerField()
    absolute_evaluated = models.IntegerField()
    absolute_hits = models.IntegerField()
    in_hours_evaluated = models.IntegerField()
    in_hours_hits = models.IntegerField()
    measured = models.IntegerField()
    ingest = models.DurationField(default=timedelta)
    routing = models.DurationField(default=timedelta)
    human = models.DurationField(default=timedelta)

    class Meta:
        ordering = ["rule", "day", "dimension", "value"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "dimension", "day", "value", "reason"], name="handoffs_rate_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.value}".strip()


class DirtyDay(models.Model):
    """Something settled changed among the cycles that began on this day: whoever changes it adds a row in the same
    transaction. Not unique, so that two who write into one day do not wait for each other.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.day)
