"""The append-only trail and its seals. The database itself refuses every change (see guard/)."""

from django.db import models
from django.db.models import Q

from opsportal.audit.columns import WritingCluster, WritingTransaction


class Entry(models.Model):
    """One action, for ever. Holds no personal data: labels and values stand in the detail row.

    `team` is a slug, `actor_id` and `subject_id` are stable keys: rooms above give them their meaning.
    `cluster` and `xid` say which transaction wrote the row: the sealer takes what no running one can precede.
    """

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=150)
    action = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=150)
    team = models.CharField(max_length=60, blank=True)
    rule = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=10)
    trace_id = models.CharField(max_length=64)
    commitment = models.BinaryField(max_length=32)
    cluster = models.BigIntegerField(db_default=WritingCluster(), editable=False)
    xid = models.BigIntegerField(db_default=WritingTransaction(), editable=False)

    class Meta:
        verbose_name_plural = "entries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["subject_id", "subject_type", "id"], name="audit_entry_subject"),
            models.Index(fields=["trace_id"], name="audit_entry_trace"),
            models.Index(fields=["at"], name="audit_entry_at"),
            models.Index(fields=["actor_id", "id"], name="audit_entry_actor"),
            models.Index(fields=["action", "id"], name="audit_entry_action"),
            models.Index(fields=["cluster", "xid", "id"], name="audit_entry_written"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_type} {self.subject_id}"


class Detail(models.Model):
    """What an entry says in words and values, as canonical JSON. It may be blanked; the commitment stays."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True, related_name="detail")
    salt = models.BinaryField(max_length=16)
    body = models.TextField(blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True) | Q(body="", salt=b""), name="audit_detail_erased_is_blank"
            ),
        ]

    def __str__(self) -> str:
        return f"detail of {self.entry_id}"


class Seal(models.Model):
    """A Merkle tree over a batch of entries, chained to the seal before it. A batch may be empty.

    `spans` are the sealed ids in leaf order as JSON [[first, last], …]; `leaves` are their hashes, 32 bytes each, so a
    changed row can be named. (`cluster`, `last_xid`, `last_id`) is the newest row sealed of that cluster; `ceiling` is
    above every transaction that could still bring an id below `max_id`. What is hashed, and how: verifier.py.
    """

    number = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    cluster = models.BigIntegerField()
    last_xid = models.BigIntegerField()
    last_id = models.BigIntegerField()
    ceiling = models.BigIntegerField()
    max_id = models.BigIntegerField()
    entry_count = models.PositiveIntegerField()
    spans = models.TextField()
    leaves = models.BinaryField()
    root = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(condition=Q(number__gte=1), name="audit_seal_number_from_one"),
        ]
        indexes = [models.Index(fields=["cluster", "-number"], name="audit_seal_cluster")]

    def __str__(self) -> str:
        return f"seal {self.number}"


class Verification(models.Model):
    """One round of checking the chain: `reached` is the newest seal checked, `problem` names the first bad row."""

    class Via(models.TextChoices):
        COMMAND = "command", "command"
        SWEEP = "sweep", "sweep"

    via = models.CharField(max_length=10, choices=Via.choices)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    reached = models.BigIntegerField(default=0)
    entry_count = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"verification of {self.started_at:%Y-%m-%d %H:%M}"
