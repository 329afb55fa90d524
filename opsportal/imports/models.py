"""Files people bring in: one batch for each, and what became of each of its rows. What a row makes is its kind's."""

from django.db import models
from django.db.models import Q

from opsportal.identity.actors import Principal
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import person_of, visible_teams
from opsportal.imports.states import RowState, State


class ImportBatchQuerySet(models.QuerySet["ImportBatch"]):
    def visible_to(self, principal: Principal | None) -> "ImportBatchQuerySet":
        """One's own, those of one's teams, and what belongs to no team. Somebody's preview is theirs alone."""
        if principal is None:
            return self.none()
        person = person_of(principal)
        own = Q(by=person) if person is not None else Q(pk=None)
        teams = visible_teams(principal)
        theirs = Q() if teams is None else Q(team=None) | Q(team__in=teams)
        return self.filter(own | (theirs & ~Q(state=State.PREVIEW)))


class ImportBatch(models.Model):
    """One file. `content` is its text, deflated, and there only until it is imported or given up.

    `mapping` names a field for each column of `headings`, "" for one that is left out; `options` are the kind's own;
    `about` says under what the rows go (a rule's slug); `last_entry` is the newest audit entry the import wrote.
    """

    kind = models.CharField(max_length=30)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in State], default=State.PREVIEW)
    file_name = models.CharField(max_length=200)
    sha256 = models.BinaryField(max_length=32)
    size = models.PositiveIntegerField()
    content = models.BinaryField(null=True)
    headings = models.JSONField(default=list)
    mapping = models.JSONField(default=list)
    options = models.JSONField(default=dict)
    about = models.CharField(max_length=60, blank=True)
    live = models.BooleanField(default=False)
    counts = models.JSONField(default=dict)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    by_label = models.CharField(max_length=150)
    uploaded_at = models.DateTimeField()
    imported_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.CharField(max_length=150, blank=True)
    last_entry = models.BigIntegerField(null=True, blank=True)

    objects = ImportBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "import batches"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "-id"], name="imports_batch_kind"),
            models.Index(fields=["sha256"], name="imports_batch_file"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=State.PREVIEW) | Q(imported_at__isnull=False, content=None),
                name="imports_batch_done_keeps_no_file",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportedRow(models.Model):
    """One row of an imported file. `key` is that of the record it made or found; `identity` tells a repeated row.

    `problems` ([{column, code, message}]) and `cells` are there for refused rows alone, so that they can be mended.
    """

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in RowState])
    key = models.CharField(max_length=80, blank=True)
    label = models.CharField(max_length=200, blank=True)
    identity = models.BinaryField(max_length=32, null=True)
    problems = models.JSONField(default=list, blank=True)
    cells = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["line"]
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="imports_row_line")]
        indexes = [
            models.Index(fields=["batch", "state", "line"], name="imports_row_state"),
            models.Index(
                fields=["identity"],
                name="imports_row_identity",
                condition=Q(state__in=[RowState.CREATED, RowState.KEPT]),
            ),
            models.Index(fields=["key"], name="imports_row_key", condition=~Q(key="")),
        ]

    def __str__(self) -> str:
        return f"line {self.line}"
