"""The published budget policy as data, in versions, and what was decided by it with the evidence."""

from django.db import models
from django.db.models import F, Q

from opsportal import ids
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


class Standing(models.Model):
    """How an SLO stands under a policy: judged up to and with `day`, where sweeps go on; each rule's verdict then."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="standings", db_index=False)
    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="standings")
    day = models.DateField()
    verdicts = models.JSONField(default=dict)  # {rule: verdict}

    class Meta:
        ordering = ["policy", "slo"]
        constraints = [models.UniqueConstraint(fields=["policy", "slo"], name="slos_standing_once")]

    def __str__(self) -> str:
        return f"{self.slo} under {self.policy} on {self.day}"


class BudgetFreeze(models.Model):
    """Which rule froze by which SLO: what ends the freeze is judged by it. `day` is the day whose data began it."""

    freeze = models.OneToOneField(Freeze, primary_key=True, on_delete=models.PROTECT, related_name="budget")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="freezes", db_index=False)
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=60)
    slo = models.ForeignKey(Slo, on_delete=models.PROTECT, related_name="freezes")
    day = models.DateField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-freeze"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "rule", "slo"], condition=Q(ended_at=None), name="slos_budget_freeze_runs_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.freeze)


class Decision(models.Model):
    """What a rule said of an SLO on a day, with everything it looked at: `inputs` replays to the same verdict.

    `key` makes it once: policy, rule, SLO and day. `held`: there was no data, so what stood before stood on.
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
    held = models.BooleanField(default=False)
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


class ShareLink(models.Model):
    """A read-only page of budgets for whoever has the address: what its author may see, until it expires or is revoked.

    The address holds the key and a signature; nothing secret is stored.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    label = models.CharField(max_length=120)
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="share_links")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened_count = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="slos_share_expires_later")
        ]

    def __str__(self) -> str:
        return self.label
