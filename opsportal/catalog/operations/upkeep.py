"""Credentials by reference, switches, ticks of checklists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit.engine import Actor
from opsportal.catalog import checklists, queries
from opsportal.catalog.engine.secrets import find_secret, looks_random
from opsportal.catalog.models import SLUG, Automation, ChecklistTick, Credential, Switch
from opsportal.catalog.operations.trail import locked, note, pass_gate
from opsportal.errors import Conflict, InvalidInput, InvalidInputs

CREDENTIAL_FIELDS = ("name", "reference", "kind", "permissions", "is_too_broad", "reviewed_at", "expires_at")
LENGTHS = {"name": 80, "reference": 240, "permissions": 500}


def add_credential(automation: Automation, *, actor: Actor, now: datetime, **values: Any) -> Credential:
    """Note a credential the automation uses. Raises InvalidInputs, also for a secret where a reference belongs."""
    credential = Credential(automation=automation, created_at=now)
    _set(credential, values)
    with transaction.atomic():
        _save(credential)
        note(automation, "credential.added", actor, now, after=_shown(credential), extra={"name": credential.name})
    return credential


def change_credential(
    credential: Credential, *, values: Mapping[str, Any], actor: Actor, now: datetime, reason: str = ""
) -> Credential:
    """Change some of CREDENTIAL_FIELDS: rotated, reviewed, moved."""
    with transaction.atomic():
        fresh = Credential.objects.select_for_update().get(pk=credential.pk)
        if fresh.retired_at is not None:
            raise Conflict("retired", "It is no longer in use.")
        before = _shown(fresh)
        _set(fresh, values)
        after = _shown(fresh)
        different = [name for name in after if after[name] != before[name]]
        if different:
            _save(fresh)
            _tell(credential, "credential.changed", actor, now, reason, before, after, different)
    return fresh


def retire_credential(credential: Credential, *, actor: Actor, now: datetime, reason: str = "") -> Credential:
    """It is no longer used by this automation."""
    with transaction.atomic():
        fresh = Credential.objects.select_for_update().get(pk=credential.pk)
        if fresh.retired_at is not None:
            raise Conflict("retired", "It is no longer in use.")
        fresh.retired_at = now
        fresh.save()
        note(credential.automation, "credential.retired", actor, now, reason=reason, extra={"name": fresh.name})
    return fresh


def _tell(
    credential: Credential, action: str, actor: Actor, now: datetime, reason: str, before: Any, after: Any, names: Any
) -> None:
    changes = {"before": {name: before[name] for name in names}, "after": {name: after[name] for name in names}}
    note(credential.automation, action, actor, now, reason=reason, extra={"name": credential.name}, **changes)


def _set(credential: Credential, values: Mapping[str, Any]) -> None:
    unknown = set(values) - set(CREDENTIAL_FIELDS)
    if unknown:
        raise InvalidInput("unknown_field", f"There is no such field: {', '.join(sorted(unknown))}.")
    for name, value in values.items():
        setattr(credential, name, value)
    rules = [
        (bool(credential.name.strip()), "name", "blank", "It needs a name."),
        (credential.kind in Credential.Kind.values, "kind", "invalid", "Service, shared or personal."),
        *(
            (len(getattr(credential, name)) <= most, name, "too_long", f"At most {most}.")
            for name, most in LENGTHS.items()
        ),
        *((not _is_secret(getattr(credential, name)), name, "secret", SECRET) for name in LENGTHS),
    ]
    errors = [InvalidInput(code, message, field=name) for holds, name, code, message in rules if not holds]
    if errors:
        raise InvalidInputs(errors)


SECRET = "This reads like the secret itself. Say where it is kept instead."  # noqa: S105 - a sentence


def _is_secret(text: str) -> bool:
    return bool(find_secret(text)) or looks_random(text)


def _save(credential: Credential) -> None:
    try:
        with transaction.atomic():
            credential.save()
    except IntegrityError as error:
        raise Conflict("name_taken", f"“{credential.name}” is noted already.", field="name") from error


def _shown(credential: Credential) -> dict[str, Any]:
    found = {name: getattr(credential, name) for name in CREDENTIAL_FIELDS}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def add_switch(
    automation: Automation,
    *,
    slug: str,
    label: str,
    actor: Actor,
    now: datetime,
    description: str = "",
    gated: bool = True,
    is_on: bool = False,
    drops_data_when: str = "",
) -> Switch:
    """Note a switch as it stands now. Raises InvalidInputs, Conflict `slug_taken`."""
    rules = [
        (bool(SLUG.regex.match(slug)) and len(slug) <= 60, "slug", "Lower-case letters, digits, hyphens."),  # type: ignore[union-attr]
        (0 < len(label.strip()) <= 120, "label", "A label of at most 120 characters."),
        (len(description) <= 500, "description", "At most 500 characters."),
        (drops_data_when in ("", "on", "off"), "drops_data_when", "On, off, or never."),
    ]
    errors = [InvalidInput("invalid", message, field=name) for holds, name, message in rules if not holds]
    if errors:
        raise InvalidInputs(errors)
    switch = Switch(automation=automation, slug=slug, label=label, description=description, gated=gated, is_on=is_on)
    switch.drops_data_when = drops_data_when
    switch.changed_at, switch.changed_by = now, actor.label[:150]
    try:
        with transaction.atomic():
            switch.save()
            extra = {"switch": label, "is_on": is_on, "gated": gated}
            note(automation, "switch.added", actor, now, extra=extra)
    except IntegrityError as error:
        raise Conflict("slug_taken", f"There is a switch “{slug}” already.", field="slug") from error
    return switch


@transaction.atomic
def flip_switch(
    switch: Switch,
    *,
    on: bool,
    actor: Actor,
    now: datetime,
    change: str = queries.Change.FEATURE,
    reason: str = "",
    is_approved: bool = False,
) -> Switch:
    """Turn a switch. On is new behaviour where the switch says so, and passes the gate; off always may. What drops
    data is switched so by two people: `is_approved` says that a second one has agreed. Raises Conflict `two_people`.
    """
    automation = locked(switch.automation)
    fresh = Switch.objects.select_for_update(of=["self"]).get(pk=switch.pk)
    if fresh.is_on == on:
        raise Conflict("unchanged", f"“{fresh.label}” is {'on' if on else 'off'} already.")
    if fresh.drops_data(on) and not is_approved:
        word = "on" if on else "off"
        sentence = f"“{fresh.label}” drops data when it is {word}: two people switch it so, by a runbook."
        raise Conflict("two_people", sentence)
    if on and fresh.gated:
        pass_gate(automation, change, now)
    fresh.is_on, fresh.changed_at, fresh.changed_by = on, now, actor.label[:150]
    fresh.save()
    action = "switch.turned_on" if on else "switch.turned_off"
    extra = {"switch": fresh.label, "change": change}
    before, after = {fresh.slug: "off" if on else "on"}, {fresh.slug: "on" if on else "off"}
    note(automation, action, actor, now, reason=reason, before=before, after=after, extra=extra)
    return fresh


@transaction.atomic
def remove_switch(switch: Switch, *, actor: Actor, now: datetime, reason: str = "") -> None:
    """Forget a switch that no longer exists over there."""
    extra = {"switch": switch.label, "is_on": switch.is_on}
    note(switch.automation, "switch.removed", actor, now, reason=reason, extra=extra)
    Switch.objects.filter(pk=switch.pk).delete()


@transaction.atomic
def tick_item(
    automation: Automation, *, item: str, done: bool, actor: Actor, now: datetime, comment: str = ""
) -> ChecklistTick | None:
    """Tick an item of a checklist, or take the tick back; ticked again it carries the newer person and time."""
    found = checklists.get_item(item)
    automation = locked(automation)
    automation.ticks.filter(item=item).delete()
    action = "checklist.ticked" if done else "checklist.unticked"
    note(automation, action, actor, now, reason=comment, extra={"item": found.sentence, "key": item})
    if not done:
        return None
    return ChecklistTick.objects.create(
        automation=automation, item=item, note=comment.strip()[:240], ticked_at=now, ticked_by=actor.label[:150]
    )
