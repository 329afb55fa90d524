"""The published budget policy as data, in versions, and what was decided by it with the evidence."""

from django.db import models
from django.db.models import Q

from opsportal.catalog.models import SLUG, Automation, Freeze
from opsportal.identity.models import Person, Team
from slos.models.objectives import Slo

STATES = [("draft", "draft"), ("active", "active"), ("retired", "retired")]


class Policy(models.Model):
    """Rules over budgets for the automations in its scope. `rules` as slos.policy.engine reads them."""

    slug = models.CharField(max_length=60, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=2000, blank=True)
    scope = models.CharField(max_length=10, choices=Freeze.Scope.choices, default="all")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="policies")
    automation = models.ForeignKey(Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="policies")
    rules = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=STATES, default="draft")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["slug"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """A policy as it stood from `from_at` on; never changed."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    from_at = models.DateTimeField()
    author = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="slos_policy_version")]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


class Decision(models.Model):
    """What a rule said of an SLO on a day, with everything it looked at: `inputs` replays to the same verdict.

    `key` makes it once: policy version, rule, SLO or automation, day.
    """

    key = models.CharField(max_length=200, unique=True)
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="decisions")
    rule = models.CharField(max_length=60)
    slo = models.ForeignKey(Slo, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions")
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions"
    )
    day = models.DateField()
    at = models.DateTimeField()
    verdict = models.CharField(max_length=24)
    sentence = models.CharField(max_length=400)
    inputs = models.JSONField()
    evidence = models.JSONField(default=dict)
    freeze = models.ForeignKey(Freeze, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions")
    trace_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["automation", "at"], name="slos_decision_automation"),
            models.Index(fields=["at"], name="slos_decision_verdict", condition=~Q(verdict="none")),
        ]

    def __str__(self) -> str:
        return self.sentence
