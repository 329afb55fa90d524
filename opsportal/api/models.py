"""What the API itself remembers: answers by idempotency key, and how often a credential wrote lately."""

from django.db import models


class IdempotentAnswer(models.Model):
    """The answer a POST got, kept 24 hours. Committed together with the effect it answers for.

    `scope` is SHA-256 over credential, method, path and key; `request_hash` over the query string and the body.
    """

    scope = models.BinaryField(max_length=32, primary_key=True)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="api_idempotent_created")]

    def __str__(self) -> str:
        return f"answer {self.status} of {self.created_at:%Y-%m-%d %H:%M:%S}"


class Window(models.Model):
    """How often something happened in the minute that began with its first occurrence (one row each, reused)."""

    bucket = models.CharField(max_length=120, primary_key=True)
    began_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.bucket}: {self.count} since {self.began_at:%H:%M:%S}"
