"""The data key of each subject, wrapped by a key-encryption key that never stands in the database."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from opsportal.ids import new_id


class SubjectKey(models.Model):
    """One data key. Shredding empties `wrapped`: every ciphertext made with it is noise from then on.

    `subject` is an id such as `secret:webhook:…` or `lead:…`, never a name or an address. `wrapped_by` is the
    fingerprint of the key-encryption key, so that a rotation knows what is left to do.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject = models.CharField(max_length=200)
    wrapped = models.BinaryField(max_length=80)
    wrapped_by = models.CharField(max_length=8)
    created_at = models.DateTimeField(db_default=Now())
    shredded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(shredded_at=None),
                name="vault_one_living_key_per_subject",
            ),
        )
        indexes = (
            models.Index(
                fields=["wrapped_by"],
                name="vault_key_wrapped_by",
                condition=Q(shredded_at=None),
            ),
        )

    def __str__(self) -> str:
        return self.subject
