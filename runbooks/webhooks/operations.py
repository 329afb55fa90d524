"""Changes to webhooks. Where one may point is checked here, and again before every call."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.outbound import policy
from opsportal.vault import signatures
from runbooks.models import Webhook
from runbooks.models.webhooks import MOST_SECONDS
from runbooks.targets import secrets

FIELDS = ("name", "url", "automation", "team", "timeout_seconds", "idempotent", "is_dangerous", "secret_ref")


@transaction.atomic
def create_webhook(
    *, slug: str, values: Mapping[str, Any], actor: Actor, now: datetime, secret: str = ""
) -> tuple[Webhook, str]:
    """A new one, and its signing secret: shown once, made where none is given.

    Raises InvalidInput(s) at the fields, target_refused where nobody may send to, Conflict `slug_taken`.
    """
    webhook = Webhook(slug=slug, created_at=now, updated_at=now)
    _fill(webhook, {"name": slug, **values})
    known = signatures.checked_secret(secret) if secret else signatures.new_secret()
    webhook.signing_secret = secrets.close(webhook, known)
    try:
        with transaction.atomic():
            webhook.save(force_insert=True)
    except IntegrityError:
        raise Conflict("slug_taken", f"There is a webhook “{slug}” already.", field="slug") from None
    _record(webhook, "created", actor, now, after=_data(webhook))
    return webhook, known


@transaction.atomic
def change_webhook(webhook: Webhook, *, values: Mapping[str, Any], actor: Actor, now: datetime) -> Webhook:
    """Change where it points and what it declares."""
    changed = _locked(webhook)
    before = _data(changed)
    _fill(changed, values)
    changed.updated_at = now
    changed.save(update_fields=[*FIELDS, "updated_at"])
    after = _data(changed)
    names = [name for name in after if after[name] != before[name]]
    if names:
        old, new = {name: before[name] for name in names}, {name: after[name] for name in names}
        _record(changed, "changed", actor, now, before=old, after=new)
    return changed


@transaction.atomic
def rotate_webhook_secret(webhook: Webhook, *, actor: Actor, now: datetime) -> str:
    """A new signing secret, shown once."""
    changed, secret = _locked(webhook), signatures.new_secret()
    changed.signing_secret, changed.updated_at = secrets.close(changed, secret), now
    changed.save(update_fields=["signing_secret", "updated_at"])
    _record(changed, "secret_rotated", actor, now)
    return secret


@transaction.atomic
def retire_webhook(webhook: Webhook, *, reason: str, actor: Actor, now: datetime) -> Webhook:
    """No step calls it any more. Raises Conflict `retired`, InvalidInput without a reason."""
    if not reason.strip():
        raise InvalidInput("required", "Say why.", field="reason")
    retired = _locked(webhook)
    if retired.retired_at is not None:
        raise Conflict("retired", "It is out of use already.")
    retired.retired_at = retired.updated_at = now
    retired.save(update_fields=["retired_at", "updated_at"])
    _record(retired, "retired", actor, now, reason=reason)
    return retired


def _fill(webhook: Webhook, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in FIELDS:
            raise InvalidInput("unknown_field", "There is no such field.", field=name)
        setattr(webhook, name, value)
    refused = [error for error in (_refusal(webhook, name) for name in FIELDS) if error is not None]
    if refused:
        raise InvalidInputs(refused)


def _refusal(webhook: Webhook, name: str) -> InvalidInput | None:
    try:
        if name == "url":
            policy.check_url(webhook.url or "", field="url")
        elif name == "timeout_seconds" and not 1 <= webhook.timeout_seconds <= MOST_SECONDS:
            return InvalidInput("out_of_range", f"Between 1 and {MOST_SECONDS}.", field=name)
        elif name == "secret_ref":
            secrets.check_reference(webhook.secret_ref)
    except InvalidInput as error:
        return error
    return None


def _locked(webhook: Webhook) -> Webhook:
    rows = Webhook.objects.select_for_update(of=("self",)).select_related("automation__team", "team")
    return rows.get(pk=webhook.pk)


def _data(webhook: Webhook) -> dict[str, Any]:
    plain = {name: getattr(webhook, name) for name in FIELDS if name not in ("automation", "team")}
    automation, team = webhook.automation, webhook.team
    return {**plain, "automation": automation.slug if automation else None, "team": team.slug if team else None}


def _record(webhook: Webhook, action: str, actor: Actor, now: datetime, **details: Any) -> None:
    team = webhook.automation.team if webhook.automation else webhook.team
    subject = Subject("runbook_webhook", webhook.slug, str(webhook))
    slug = team.slug if team else ""
    audit.record(Draft(actor, f"runbook_webhook.{action}", subject, now, team=slug, **details))
