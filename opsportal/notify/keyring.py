"""The secrets of subscriptions, kept in the vault: who asks for them here is about to send, or has just made them."""

from datetime import datetime

from opsportal.notify.models import Subscription
from opsportal.vault import operations as vault


def subject_of(subscription: Subscription) -> str:
    return f"secret:webhook:{subscription.pk}"


def close(subscription: Subscription, secret: str) -> bytes:
    return vault.encrypt(subject_of(subscription), secret.encode())


def signing_secrets(subscription: Subscription, now: datetime) -> tuple[str, ...]:
    """The secret, and while a rotation overlaps the one before it too."""
    overlaps = subscription.previous_until is not None and now < subscription.previous_until
    sealed = [subscription.secret, subscription.previous_secret if overlaps else None]
    return tuple(_open(subscription, bytes(one)) for one in sealed if one)


def hidden_address(subscription: Subscription) -> str:
    """The address of a Slack incoming webhook: it is a secret itself."""
    return _open(subscription, bytes(subscription.secret))


def _open(subscription: Subscription, sealed: bytes) -> str:
    return vault.decrypt(subject_of(subscription), sealed).decode()
