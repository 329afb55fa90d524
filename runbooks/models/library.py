"""Runbooks: their text in numbered revisions, the steps read from it, and what people found out about them."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from opsportal.catalog.models import SLUG, Automation
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import visible_teams
from runbooks.states import OPEN_REVISIONS, RevisionState


class RunbookQuerySet(models.QuerySet["Runbook"]):
    def visible_to(self, principal: Any) -> Self:
        """Their teams', those of automations they see, and what is about no team's automation at all."""
        teams = visible_teams(principal)
        if teams is None:
            return self
        about = RunbookLink.objects.filter(kind=RunbookLink.Kind.AUTOMATION)
        seen = about.filter(slug__in=Automation.objects.visible_to(principal).values("slug"))
        general = Q(team=None) & ~Q(pk__in=about.values("runbook"))
        return self.filter(Q(team_id__in=teams) | Q(pk__in=seen.values("runbook")) | general)

    def in_use(self) -> Self:
        """Published, and not retired."""
        return self.filter(retired_at=None, published_number__isnull=False)

    def stale(self, at: datetime) -> Self:
        return self.in_use().filter(stale_at__lte=at)


class Runbook(models.Model):
    """What stands beside the text: its name and place, what it is about, and since when it is believed.

    `title`, `kind`, `form` and the links repeat what the revision that counts says: the published one, before there is
    one the newest. `path` is the file's place in a folder, so that it goes back to where it came from.
    """

    class Kind(models.TextChoices):
        RUNBOOK = "runbook", "Runbook (numbered steps)"
        PLAYBOOK = "playbook", "Playbook (guidance)"

    class Form(models.TextChoices):
        INCIDENT = "incident", "Incident (five parts)"
        HANDOFF = "handoff", "Handoff (one page)"

    slug = models.CharField(max_length=80, unique=True, validators=[SLUG])
    path = models.CharField(max_length=300, blank=True)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.RUNBOOK)
    form = models.CharField(max_length=8, choices=Form.choices, default=Form.INCIDENT)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="runbooks")
    derived_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="derived")
    derived_from_number = models.PositiveIntegerField(null=True, blank=True)
    review_every_days = models.PositiveSmallIntegerField(default=90)
    published_number = models.PositiveIntegerField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    validated_at = models.DateTimeField(null=True, blank=True)
    stale_at = models.DateTimeField(null=True, blank=True)  # when nobody has looked at it for too long
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = RunbookQuerySet.as_manager()

    class Meta:
        ordering = ["title", "slug"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["runbook", "playbook"]), name="runbooks_runbook_kind_known"),
            models.CheckConstraint(condition=Q(form__in=["incident", "handoff"]), name="runbooks_runbook_form_known"),
            models.CheckConstraint(
                condition=Q(published_number=None, published_at=None)
                | Q(published_number__isnull=False, published_at__isnull=False, stale_at__isnull=False),
                name="runbooks_runbook_published_as_a_whole",
            ),
        ]
        indexes = [models.Index(fields=["stale_at"], name="runbooks_runbook_stale")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/runbooks/{self.slug}/"

    def is_stale(self, at: datetime) -> bool:
        return self.published_number is not None and self.stale_at is not None and self.stale_at <= at


class RunbookLink(models.Model):
    """What a runbook is for. Slugs, not keys: exceptions live above, and a link may be written before its record."""

    class Kind(models.TextChoices):
        AUTOMATION = "automation", "automation"
        RULE = "rule", "rule"
        EXCEPTION = "exception", "exception"
        FACT = "fact", "proposed on"

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="links", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    slug = models.CharField(max_length=80)

    class Meta:
        ordering = ["kind", "slug"]
        constraints = [models.UniqueConstraint(fields=["runbook", "kind", "slug"], name="runbooks_link_once")]
        indexes = [models.Index(fields=["kind", "slug"], name="runbooks_link_about")]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"


class RunbookRevision(models.Model):
    """The whole text as somebody saved it, byte for byte; never changed. `sha256` is over its UTF-8."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(
        max_length=10, choices=[(one.value, one.value) for one in RevisionState], default=RevisionState.DRAFT
    )
    author = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    author_label = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=240, blank=True)
    created_at = models.DateTimeField()
    review_asked_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    review_asked_at = models.DateTimeField(null=True, blank=True)
    returned_reason = models.CharField(max_length=500, blank=True)
    published_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    tier = models.CharField(max_length=2, blank=True)  # the strictest it was published under

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["runbook", "number"], name="runbooks_revision_number"),
            models.UniqueConstraint(
                fields=["runbook"], condition=Q(state=RevisionState.PUBLISHED), name="runbooks_revision_one_published"
            ),
            models.UniqueConstraint(
                fields=["runbook"], condition=Q(state__in=sorted(OPEN_REVISIONS)), name="runbooks_revision_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[one.value for one in RevisionState]), name="runbooks_revision_state_known"
            ),
            # Of a P0 automation: who wrote it does not publish it.
            models.CheckConstraint(
                condition=~Q(tier="P0") | Q(author=None) | ~Q(author=models.F("published_by")),
                name="runbooks_revision_second_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.runbook} revision {self.number}"

    @property
    def written_by(self) -> str:
        return str(self.author) if self.author else self.author_label


class RunbookStep(models.Model):
    """One numbered step of a revision. `key` stays with a step as long as it is the same step."""

    revision = models.ForeignKey(RunbookRevision, on_delete=models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=80)
    section = models.CharField(max_length=60)
    number = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    text = models.TextField()
    line = models.PositiveIntegerField()
    check_text = models.CharField("check", max_length=500, blank=True)
    action = models.JSONField(null=True, blank=True)
    changed_in = models.PositiveIntegerField()  # the revision its words are from
    changed_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["revision", "position"]
        constraints = [
            models.UniqueConstraint(fields=["revision", "key"], name="runbooks_step_key_once"),
            models.UniqueConstraint(fields=["revision", "position"], name="runbooks_step_position_once"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def label(self) -> str:
        """Where it stands, in words: `Remediation 2`."""
        return f"{self.section.capitalize()} {self.number}"


class StepReport(models.Model):
    """Somebody says that a step is wrong. Open until it is answered or its words are changed."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="reports")
    revision = models.ForeignKey(RunbookRevision, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    words = models.CharField("what is wrong", max_length=1000)
    reported_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reported_label = models.CharField(max_length=150, blank=True)
    reported_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_label = models.CharField(max_length=150, blank=True)
    resolution = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-reported_at", "-id"]
        indexes = [models.Index(fields=["runbook"], condition=Q(resolved_at=None), name="runbooks_report_open")]

    def __str__(self) -> str:
        return self.title


class RunbookValidation(models.Model):
    """Somebody went through it and says whether it holds."""

    class How(models.TextChoices):
        READ_ALOUD = "read_aloud", "Read aloud"
        DRILL = "drill", "Drill"
        EXECUTION = "execution", "Carried out"
        CHECKED = "checked", "Checked"

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="validations")
    revision = models.ForeignKey(RunbookRevision, on_delete=models.CASCADE, related_name="+")
    how = models.CharField(max_length=10, choices=How.choices)
    holds = models.BooleanField()
    note = models.CharField(max_length=500, blank=True)
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    person_label = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.runbook} {'holds' if self.holds else 'does not hold'}"


class RunbookDraw(models.Model):
    """The runbook of a month that is read aloud. `seed` and `candidates` are all that the draw was made of."""

    month = models.CharField(max_length=7, unique=True)
    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="draws")
    seed = models.CharField(max_length=80)
    candidates = models.JSONField()
    drawn_at = models.DateTimeField()
    validation = models.ForeignKey(
        RunbookValidation, null=True, blank=True, on_delete=models.PROTECT, related_name="draws"
    )

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month}: {self.runbook}"
