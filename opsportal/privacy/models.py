"""Erasures of data subjects: who asked for one, who said yes, and the certificate of what was done."""

from django.db import models
from django.db.models import Q

from opsportal import ids
from opsportal.approvals.models import Approval
from opsportal.identity.models import Person


class Erasure(models.Model):
    """`subjects` are keyed hashes of what the person is known by. The keys themselves stand in `sealed_keys`, closed
    by the vault, until the decision alone. `certificate` names nobody.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    subjects = models.JSONField()
    sealed_keys = models.BinaryField(null=True, blank=True)
    keep_held = models.BooleanField(default=False)
    reason = models.CharField(max_length=500)
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="erasures_requested")
    requested_at = models.DateTimeField()
    second = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="erasures_seconded"
    )
    approval = models.ForeignKey(Approval, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)
    certificate = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_at=None, certificate__isnull=True)
                | Q(erased_at__isnull=False, certificate__isnull=False, second__isnull=False),
                name="privacy_erased_with_certificate",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(sealed_keys=None), name="privacy_closed_keeps_no_keys"
            ),
        ]
        indexes = [models.Index(fields=["-requested_at", "-id"], name="privacy_erasure_newest")]

    def __str__(self) -> str:
        return f"Erasure of {self.subjects[0][:8]}"

    def get_absolute_url(self) -> str:
        return f"/privacy/erasures/{self.pk}/"
