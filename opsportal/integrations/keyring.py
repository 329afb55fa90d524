"""The secrets of senders, kept in the vault: who asks for them here is about to verify, or has just made them."""

from datetime import datetime

from opsportal.integrations.models import Integration
from opsportal.vault import operations as vault


def close(integration: Integration, secret: str) -> bytes:
    return vault.encrypt(_subject(integration), secret.encode())


def verifying_secrets(integration: Integration, now: datetime) -> list[str]:
    """The secret, and while a rotation overlaps the one before it too."""
    overlaps = integration.previous_until is not None and now < integration.previous_until
    sealed = [integration.secret, integration.previous_secret if overlaps else None]
    return [vault.decrypt(_subject(integration), bytes(one)).decode() for one in sealed if one]


def _subject(integration: Integration) -> str:
    return f"secret:integration:{integration.pk}"
