"""Programs that send us something by an address of their own, and what they have sent already."""

from django.conf import settings
from django.db import models

from opsportal.ids import new_id


class Integration(models.Model):
    """One sender. Its `key` stands in the address it posts to; kinds that sign have a secret as well (ciphertext).

    `mapping` says how its payload reads as ours; the kind's receiver gives it its meaning. `source` names the sender
    on every record it makes. While a rotation overlaps, both secrets verify.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.SlugField(max_length=30)
    name = models.CharField(max_length=120)
    key = models.CharField(max_length=32, unique=True)
    secret = models.BinaryField(null=True, blank=True)
    previous_secret = models.BinaryField(null=True, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    source = models.CharField(max_length=60)
    team = models.ForeignKey(
        "identity.Team", null=True, blank=True, on_delete=models.PROTECT, related_name="integrations"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="integrations"
    )
    created_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None


class ReceivedMessage(models.Model):
    """A message that was taken in, with the answer it got: the same one again gets the same answer and does nothing."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="received")
    message_id = models.CharField(max_length=200)
    body_hash = models.BinaryField(max_length=32)
    answer = models.JSONField()
    trace_id = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=["integration", "message_id"], name="integrations_message_once"),)
        indexes = (models.Index(fields=["received_at"], name="integrations_received_at"),)

    def __str__(self) -> str:
        return self.message_id
