"""What the tools cost a month. What one automation costs stands with the automation."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import F, Q

from opsportal.catalog.models.automations import Automation


class CostLineQuerySet(models.QuerySet["CostLine"]):
    def on(self, day: date) -> Self:
        """Lines that hold on `day`: [from_date, until_date)."""
        return self.filter(Q(until_date=None) | Q(until_date__gt=day), from_date__lte=day)


class CostLine(models.Model):
    """What one tool costs a month, from a day on until another; a new price is a new line."""

    tool = models.CharField(max_length=80)
    note = models.CharField("what for", max_length=240, blank=True)
    amount = models.DecimalField("a month", max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, default="USD")
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="cost_lines"
    )
    from_date = models.DateField("from")
    until_date = models.DateField("until", null=True, blank=True)
    created_at = models.DateTimeField()

    objects = CostLineQuerySet.as_manager()

    class Meta:
        ordering = ["tool", "-from_date", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="catalog_cost_line_not_negative"),
            models.CheckConstraint(
                condition=Q(until_date=None) | Q(until_date__gt=F("from_date")), name="catalog_cost_line_ends_later"
            ),
            models.UniqueConstraint(fields=["tool", "note", "from_date"], name="catalog_cost_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.tool}: {self.amount} {self.currency}"
