"""The append-only trail. Triggers of the database refuse every change to an entry (see the migrations)."""

from django.db import models


class Entry(models.Model):
    """One action, for ever. Holds no personal data: labels and values stand in the detail row.

    `team` is a slug, `actor_id` and `subject_id` are stable keys: rooms above give them their meaning.
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

    class Meta:
        verbose_name_plural = "entries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="audit_entry_subject"),
            models.Index(fields=["trace_id"], name="audit_entry_trace"),
            models.Index(fields=["at"], name="audit_entry_at"),
            models.Index(fields=["actor_id", "id"], name="audit_entry_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_type} {self.subject_id}"


class Detail(models.Model):
    """What an entry says in words and values. Only `erase_person` may blank it; the commitment stays."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True, related_name="detail")
    salt = models.BinaryField(max_length=16)
    body = models.TextField()
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"detail of {self.entry_id}"
