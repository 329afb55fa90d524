"""Writing the catalogue. Whatever puts new behaviour into production asks the gate first, here and nowhere else."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.catalog import queries
from opsportal.catalog.models import SLUG, Automation, Platform, Tier
from opsportal.catalog.states import TRANSITIONS, AutomationState
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.identity.models import Person, Team

# What may be set, and how the trail shows it. The slug is a name that others hold: it never changes.
FIELDS = ("name", "team", "tier", "platform", "owner", "backup_owner", "criticality_notes", "links")
# A change of these changes how the automation behaves or how much it may cost, so it passes the gate. Who answers for
# it, what it is called and what is known about it can be set right at any time.
GATED_FIELDS = frozenset({"tier", "platform"})
MAX_LINKS = 20


def create_automation(*, slug: str, name: str, actor: Actor, now: datetime, **values: Any) -> Automation:
    """Enter an automation as a draft. Raises InvalidInputs; Conflict when the slug is taken."""
    automation = Automation(slug=slug, created_at=now, updated_at=now)
    _set(automation, {"name": name, **values})
    _check(automation)
    try:
        with transaction.atomic():
            automation.save(force_insert=True)
            _record(automation, "automation.created", actor, now, after=_shown(automation))
    except IntegrityError as error:
        raise Conflict("slug_taken", f"There is an automation “{slug}” already.", field="slug") from error
    return automation


@transaction.atomic
def change_automation(
    automation: Automation,
    *,
    values: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    change: str = queries.Change.FEATURE,
    reason: str = "",
) -> Automation:
    """Change some of FIELDS. Raises InvalidInputs, and Conflict `frozen` when the gate holds `change` back."""
    automation = _locked(automation)
    before = _shown(automation)
    _set(automation, values)
    _check(automation)
    after = _shown(automation)
    different = [name for name in after if after[name] != before[name]]
    if not different:
        return automation
    if GATED_FIELDS.intersection(different):
        _pass_gate(automation, change, now)
    automation.updated_at = now
    automation.save()
    _record(
        automation,
        "automation.changed",
        actor,
        now,
        reason=reason,
        before={name: before[name] for name in different},
        after={name: after[name] for name in different},
    )
    return automation


def activate_automation(
    automation: Automation, *, actor: Actor, now: datetime, change: str = queries.Change.FEATURE, reason: str = ""
) -> Automation:
    """Put a draft or paused automation into service. It needs an owner, and the gate must let `change` pass."""
    if automation.owner is None:
        raise InvalidInput("owner_missing", "Somebody has to answer for it first: name an owner.", field="owner")
    return _move(automation, AutomationState.ACTIVE, change, actor, now, reason)


def retire_automation(automation: Automation, *, actor: Actor, now: datetime, reason: str = "") -> Automation:
    """Take an automation out of service for good. Stopping is never frozen."""
    return _move(automation, AutomationState.RETIRED, queries.Change.FIX, actor, now, reason)


@transaction.atomic
def _move(
    automation: Automation, state: AutomationState, change: str, actor: Actor, now: datetime, reason: str
) -> Automation:
    automation = _locked(automation)
    before = AutomationState(automation.state)
    if state not in TRANSITIONS[before]:
        raise Conflict("invalid_transition", f"{automation} is {before}; it cannot become {state}.")
    _pass_gate(automation, change, now)
    automation.state, automation.updated_at = state.value, now
    automation.save(update_fields=["state", "updated_at"])
    action = "automation.activated" if state is AutomationState.ACTIVE else f"automation.{state}"
    shown = {"state": before.value}, {"state": state.value}
    _record(automation, action, actor, now, reason=reason, before=shown[0], after=shown[1], extra={"change": change})
    return automation


def _pass_gate(automation: Automation, change: str, now: datetime) -> None:
    verdict = queries.gate(automation, change=change, at=now)
    if not verdict.allowed:
        raise Conflict("frozen", verdict.reason, field="change")


def _locked(automation: Automation) -> Automation:
    rows = Automation.objects.select_for_update(of=["self"]).select_related("team", "owner", "backup_owner")
    return rows.get(pk=automation.pk)


def _set(automation: Automation, values: Mapping[str, Any]) -> None:
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise InvalidInput("unknown_field", f"There is no such field: {', '.join(sorted(unknown))}.")
    for name, value in values.items():
        setattr(automation, name, value)


def _check(automation: Automation) -> None:
    """Everything that is wrong at once, each at its field."""
    rules = [
        (bool(SLUG.regex.match(automation.slug)), "slug", "invalid", "Use lower-case letters, digits and hyphens."),  # type: ignore[union-attr]
        (len(automation.slug) <= 60, "slug", "too_long", "At most 60 characters."),
        (bool(automation.name.strip()), "name", "blank", "It needs a name."),
        (len(automation.name) <= 120, "name", "too_long", "At most 120 characters."),
        (automation.tier in Tier.values, "tier", "invalid", f"A tier is one of {', '.join(Tier.values)}."),
        (automation.platform in Platform.values, "platform", "invalid", "This platform is not known here."),
        (_is_team(automation.team), "team", "invalid", "There is no such team."),
        (_is_active(automation.owner), "owner", "inactive", "This person has left."),
        (_is_active(automation.backup_owner), "backup_owner", "inactive", "This person has left."),
        (
            automation.owner is None or automation.owner != automation.backup_owner,
            "backup_owner",
            "same_as_owner",
            "The backup is who answers when the owner cannot: name somebody else.",
        ),
        (len(automation.criticality_notes) <= 2000, "criticality_notes", "too_long", "At most 2,000 characters."),
        (_are_links(automation.links), "links", "invalid", "Links are {label, url}, https or http, at most 20."),
    ]
    errors = [InvalidInput(code, message, field=name) for holds, name, code, message in rules if not holds]
    if errors:
        raise InvalidInputs(errors)


def _is_team(team: Team | None) -> bool:
    return team is None or team.pk is not None


def _is_active(person: Person | None) -> bool:
    return person is None or person.is_active


def _are_links(links: Any) -> bool:
    return isinstance(links, list) and len(links) <= MAX_LINKS and all(_is_link(link) for link in links)


def _is_link(link: Any) -> bool:
    """A label and an address that a page may link to: no other scheme ever reaches an href."""
    if not isinstance(link, dict) or set(link) != {"label", "url"}:
        return False
    label, url = link["label"], link["url"]
    if not isinstance(label, str) or not isinstance(url, str):
        return False
    return 0 < len(label.strip()) <= 80 and len(url) <= 500 and url.startswith(("https://", "http://"))


def _shown(automation: Automation) -> dict[str, Any]:
    """The fields as the trail and the API write them: a slug for the team, user names for people."""
    return {
        "name": automation.name,
        "team": automation.team.slug if automation.team else None,
        "tier": automation.tier,
        "platform": automation.platform,
        "owner": automation.owner.username if automation.owner else None,
        "backup_owner": automation.backup_owner.username if automation.backup_owner else None,
        "criticality_notes": automation.criticality_notes,
        "links": automation.links,
    }


def _record(automation: Automation, action: str, actor: Actor, now: datetime, **detail: Any) -> None:
    subject = Subject("automation", automation.slug, automation.name)
    team = automation.team.slug if automation.team else ""
    record(Draft(actor=actor, action=action, subject=subject, at=now, team=team, **detail))
