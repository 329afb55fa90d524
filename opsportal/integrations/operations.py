"""Integrations: made, changed, switched off and on, given a new secret. Secrets pass through once, into the vault."""

import secrets as randomness
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person, Team
from opsportal.integrations import keyring, registry
from opsportal.integrations.models import Integration
from opsportal.vault import signatures

OVERLAP = timedelta(hours=24)
LARGEST_MAPPING = 200
SEEN_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_integration(
    *,
    kind: str,
    name: str,
    actor: Actor,
    now: datetime,
    secret: str = "",
    mapping: dict[str, Any] | None = None,
    source: str = "",
    team: Team | None = None,
    created_by: Person | None = None,
) -> tuple[Integration, str]:
    """A new sender and its secret, shown this once (empty for kinds that do not sign).

    Raises InvalidInput at kind, name, secret or mapping.
    """
    described = registry.get_kind(kind)
    if described is None:
        known = ", ".join(one.slug for one in registry.kinds())
        raise InvalidInput("unknown_kind", f"There is no such kind. Known: {known}.", field="kind")
    integration = Integration(
        kind=kind,
        name=_checked_name(name),
        key=randomness.token_hex(16),
        mapping=_checked_mapping(mapping or {}),
        source=source.strip()[:60] or _checked_name(name)[:60],
        team=team,
        created_by=created_by,
        created_at=now,
    )
    fresh = signatures.checked_secret(secret or signatures.new_secret()) if described.signed else ""
    integration.secret = keyring.close(integration, fresh) if fresh else None
    integration.save(force_insert=True)
    record(_draft("integration.created", integration, actor, now, after=_values(integration)))
    return integration, fresh


@transaction.atomic
def change_integration(
    integration: Integration,
    *,
    actor: Actor,
    now: datetime,
    name: str | None = None,
    mapping: dict[str, Any] | None = None,
    enabled: bool | None = None,
    reason: str = "",
) -> Integration:
    """Change what was given. A sender that is switched off gets 404."""
    integration = _locked(integration)
    before = _values(integration)
    if name is not None:
        integration.name = _checked_name(name)
    if mapping is not None:
        integration.mapping = _checked_mapping(mapping)
    if enabled is not None and enabled != integration.enabled:
        integration.disabled_at = None if enabled else now
    integration.save()
    after = _values(integration)
    if after != before:
        record(_draft("integration.changed", integration, actor, now, reason=reason, before=before, after=after))
    return integration


@transaction.atomic
def rotate_integration_secret(
    integration: Integration, *, actor: Actor, now: datetime, secret: str = "", overlap: timedelta = OVERLAP
) -> tuple[Integration, str]:
    """A new secret, shown this once; until `overlap` is over the old one verifies too. Raises Conflict."""
    integration = _locked(integration)
    if integration.secret is None:
        raise Conflict("no_secret", "This kind of sender does not sign; make a new one instead.")
    fresh = signatures.checked_secret(secret or signatures.new_secret())
    integration.previous_secret, integration.previous_until = integration.secret, now + overlap
    integration.secret = keyring.close(integration, fresh)
    integration.save(update_fields=["secret", "previous_secret", "previous_until"])
    after = {"previous_until": integration.previous_until}
    record(_draft("integration.secret_rotated", integration, actor, now, after=after))
    return integration, fresh


def note_seen(integration: Integration, *, now: datetime) -> None:
    """Remember the last message, at most once a minute."""
    if integration.last_seen_at is None or integration.last_seen_at < now - SEEN_EVERY:
        Integration.objects.filter(pk=integration.pk).update(last_seen_at=now)


def record_refusal(integration: Integration, *, code: str, now: datetime) -> None:
    """Note that a message was refused. The caller keeps a persistent sender from filling the trail."""
    actor = Actor("unknown", "", "somebody unknown")
    record(_draft("integration.refused", integration, actor, now, reason=code))


def _locked(integration: Integration) -> Integration:
    return Integration.objects.select_for_update(of=("self",)).select_related("team").get(pk=integration.pk)


def _checked_name(name: str) -> str:
    if not name.strip() or len(name.strip()) > 120:
        raise InvalidInput("name_invalid", "A name of up to 120 characters says who sends.", field="name")
    return name.strip()


def _checked_mapping(mapping: dict[str, Any]) -> dict[str, Any]:
    """Our field name -> where it stands in the payload (a dotted path)."""
    strings = all(isinstance(value, str) for value in mapping.values())
    if not strings or len(mapping) > LARGEST_MAPPING or any(len(f"{k}{v}") > 400 for k, v in mapping.items()):
        raise InvalidInput(
            "mapping_invalid", "A mapping names our field and the path it is read from.", field="mapping"
        )
    return dict(mapping)


def _values(integration: Integration) -> dict[str, Any]:
    return {
        "kind": integration.kind,
        "name": integration.name,
        "source": integration.source,
        "team": integration.team.slug if integration.team else None,
        "mapping": integration.mapping,
        "enabled": integration.enabled,
    }


def _draft(action: str, integration: Integration, actor: Actor, now: datetime, **details: Any) -> Draft:
    subject = Subject("integration", str(integration.pk), integration.name)
    return Draft(actor, action, subject, now, team=integration.team.slug if integration.team else "", **details)
