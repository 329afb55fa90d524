"""Why records ran past their timer: the words people pick from, so that the same thing is called the same."""

from django.db import models
from django.db.models.functions import Lower


class BreachReason(models.Model):
    """One reason. Records keep its `label`; `also` holds what it was called before or was merged from it, so that a
    program which still sends those words means this reason. Retired ones stay readable and are offered no more.
    """

    slug = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=120)
    also = models.JSONField(default=list, blank=True)
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "label"]
        constraints = [models.UniqueConstraint(Lower("label"), name="handoffs_reason_label")]

    def __str__(self) -> str:
        return self.label
