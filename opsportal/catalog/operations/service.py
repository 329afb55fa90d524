"""An automation in service: put in, paused, resumed, retired; degraded for a while; on its fallback."""

from datetime import datetime, timedelta

from django.db import transaction

from opsportal.audit.engine import Actor
from opsportal.catalog import queries
from opsportal.catalog.models import Automation
from opsportal.catalog.operations.trail import locked, note, pass_gate
from opsportal.catalog.states import TRANSITIONS, AutomationState
from opsportal.errors import Conflict, InvalidInput

LONGEST_DEGRADED = timedelta(days=7)


def activate_automation(
    automation: Automation, *, actor: Actor, now: datetime, change: str = queries.Change.FEATURE, reason: str = ""
) -> Automation:
    """Put a draft or paused automation into service. It needs an owner, and the gate must let `change` pass: what has
    never been in service is new, whatever it is called, unless security needs it and a reason says why.
    """
    if automation.owner is None:
        raise InvalidInput("owner_missing", "Somebody has to answer for it first: name an owner.", field="owner")
    return _move(automation, AutomationState.ACTIVE, change, actor, now, reason)


def retire_automation(automation: Automation, *, actor: Actor, now: datetime, reason: str = "") -> Automation:
    """Take an automation out of service for good. Stopping is never frozen."""
    return _move(automation, AutomationState.RETIRED, queries.Change.FIX, actor, now, reason)


def pause_automation(automation: Automation, *, actor: Actor, now: datetime, reason: str) -> Automation:
    """Say that it is paused, and why. The portal stops nothing elsewhere: how to do that is written with it."""
    if not reason.strip():
        raise InvalidInput("required", "Say why: people who wait for it read this.", field="reason")
    return _move(automation, AutomationState.PAUSED, queries.Change.FIX, actor, now, reason)


def resume_automation(automation: Automation, *, actor: Actor, now: datetime, reason: str = "") -> Automation:
    """Back into service as it was: no new behaviour, so no freeze holds it back. Raises Conflict when not paused."""
    if automation.state != AutomationState.PAUSED:
        raise Conflict("invalid_transition", f"{automation} is {automation.state}; only what is paused can be resumed.")
    return _move(automation, AutomationState.ACTIVE, queries.Change.FIX, actor, now, reason, "automation.resumed")


@transaction.atomic
def set_degraded(
    automation: Automation, *, sentence: str, until: datetime, actor: Actor, now: datetime, reason: str = ""
) -> Automation:
    """Tell sales in one sentence how it works worse than it should, until an end at most seven days ahead."""
    sentence = sentence.strip()
    if not sentence or len(sentence) > 240:
        raise InvalidInput("invalid", "One sentence of at most 240 characters, for people in sales.", field="sentence")
    if not now < until <= now + LONGEST_DEGRADED:
        raise InvalidInput("invalid", "It ends in the future, within seven days.", field="until")
    automation = locked(automation)
    before = automation.degraded_at(now)
    if not before:
        automation.degraded_since = now
    automation.degraded, automation.degraded_until, automation.degraded_by = sentence, until, actor.label[:150]
    automation.updated_at = now
    automation.save()
    after = {"degraded": sentence, "until": until.isoformat()}
    note(automation, "automation.degraded", actor, now, reason=reason, before={"degraded": before}, after=after)
    return automation


@transaction.atomic
def clear_degraded(automation: Automation, *, actor: Actor, now: datetime, reason: str = "") -> Automation:
    """It works as it should again. Raises Conflict `not_degraded`."""
    automation = locked(automation)
    if not automation.degraded:
        raise Conflict("not_degraded", "Nothing is said to be degraded here.")
    before = {"degraded": automation.degraded}
    automation.degraded, automation.degraded_since, automation.degraded_until = "", None, None
    automation.degraded_by, automation.updated_at = "", now
    automation.save()
    note(automation, "automation.restored", actor, now, reason=reason, before=before, after={"degraded": ""})
    return automation


@transaction.atomic
def switch_fallback(automation: Automation, *, on: bool, actor: Actor, now: datetime, reason: str = "") -> Automation:
    """Say that it runs on its fallback, or no longer does. Raises Conflict when that is so already or none is known."""
    automation = locked(automation)
    if on and not automation.fallback:
        raise Conflict("no_fallback", "No fallback is written down for it yet.", field="fallback")
    if on == (automation.fallback_since is not None):
        raise Conflict("fallback_unchanged", f"Its fallback is {'on' if on else 'off'} already.")
    since = automation.fallback_since
    automation.fallback_since = now if on else None
    automation.fallback_by = actor.label[:150] if on else ""
    automation.updated_at = now
    automation.save()
    action = "automation.fallback_on" if on else "automation.fallback_off"
    before = {"fallback_since": since.isoformat() if since else None}
    note(automation, action, actor, now, reason=reason, before=before, after={"fallback": "on" if on else "off"})
    return automation


@transaction.atomic
def _move(
    automation: Automation,
    state: AutomationState,
    change: str,
    actor: Actor,
    now: datetime,
    reason: str,
    action: str = "",
) -> Automation:
    automation = locked(automation)
    before = AutomationState(automation.state)
    if state not in TRANSITIONS[before]:
        raise Conflict("invalid_transition", f"{automation} is {before}; it cannot become {state}.")
    if before is AutomationState.DRAFT and state is AutomationState.ACTIVE:
        change = _first(change, reason)
    pass_gate(automation, change, now)
    automation.state, automation.updated_at = state.value, now
    paused = state is AutomationState.PAUSED
    automation.paused_at, automation.paused_by = (now, actor.label[:150]) if paused else (None, "")
    automation.pause_reason = reason.strip()[:500] if paused else ""
    automation.save(update_fields=["state", "updated_at", "paused_at", "paused_by", "pause_reason"])
    action = action or ("automation.activated" if state is AutomationState.ACTIVE else f"automation.{state}")
    shown = {"state": before.value}, {"state": state.value}
    note(automation, action, actor, now, reason=reason, before=shown[0], after=shown[1], extra={"change": change})
    return automation


def _first(change: str, reason: str) -> str:
    """What a first activation is judged as."""
    if change == queries.Change.SECURITY and not reason.strip():
        raise InvalidInput("required", "Say why security needs it in service now.", field="reason")
    return queries.Change.FEATURE if change == queries.Change.FIX else change
