"""Reads about webhooks of runbooks."""

from django.db.models import QuerySet

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from runbooks.models import Webhook


def list_webhooks(principal: Principal | None) -> QuerySet[Webhook]:
    return Webhook.objects.visible_to(principal).select_related("automation__team", "team")


def get_webhook(slug: str, principal: Principal | None) -> Webhook:
    """Raises NotFound."""
    found = list_webhooks(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if found is None:
        raise NotFound("unknown_webhook", f"There is no webhook “{slug[:60]}”.")
    return found


def get_callable(slug: str) -> Webhook:
    """One in use, for a step to call; raises NotFound."""
    rows = Webhook.objects.in_use().select_related("automation__owner", "automation__backup_owner")
    found = rows.filter(slug=slug).first() if "\x00" not in slug else None
    if found is None:
        raise NotFound("unknown_webhook", f"There is no webhook “{slug[:60]}” in use.")
    return found
