"""Releases: planned, out, called off. Each is watched for a while after it went out."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit.engine import Actor
from opsportal.catalog import queries
from opsportal.catalog.models import Automation, Release
from opsportal.catalog.operations.checking import is_address
from opsportal.catalog.operations.trail import locked, note, pass_gate
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.web import words

# How long a release is watched when nobody says: the more depends on it, the longer.
WATCH_HOURS = {"P0": 48, "P1": 24, "P2": 4}
MAX_WATCH_HOURS = 24 * 30
SKEW = timedelta(minutes=5)


def plan_release(
    automation: Automation,
    *,
    version: str,
    planned_at: datetime,
    actor: Actor,
    now: datetime,
    **said: Any,
) -> Release:
    """Announce a release. No freeze holds a plan back; it is asked when the release goes out.

    `said`: change, risk, notes, url. Raises InvalidInputs, Conflict `version_taken`.
    """
    if planned_at < now - SKEW:
        raise InvalidInput("past", "A plan lies ahead; what is out already is recorded.", field="planned_at")
    release = _new(automation, version, now, actor, {**said, "planned_at": planned_at})
    with transaction.atomic():
        _insert(release)
        extra = {"version": version, "risk": release.risk, "planned_at": words.utc(planned_at)}
        note(automation, "release.planned", actor, now, reason=release.notes, extra=extra)
    return release


def record_release(
    automation: Automation,
    *,
    version: str,
    actor: Actor,
    now: datetime,
    released_at: datetime | None = None,
    watch_hours: int | None = None,
    **said: Any,
) -> Release:
    """A version goes out, or went out. What goes out now passes the gate (Conflict `frozen`); what is told afterwards
    is a fact and is kept, marked where a freeze should have held it.

    A plan of that version becomes this release. Raises InvalidInputs, Conflict `version_taken`.
    """
    if released_at is not None and released_at > now + SKEW:
        raise InvalidInput("in_the_future", "What is still ahead is planned.", field="released_at")
    hours = WATCH_HOURS[automation.tier] if watch_hours is None else watch_hours
    if not 0 <= hours <= MAX_WATCH_HOURS:
        raise InvalidInput("invalid", f"From 0 to {MAX_WATCH_HOURS} hours.", field="watch_hours")
    with transaction.atomic():
        automation = locked(automation)
        release = automation.releases.planned().filter(version=version).first()
        release = _told(release, said) if release else _new(automation, version, now, actor, said)
        _pass(release, automation, released_at, now)
        out = min(released_at or now, now)
        release.released_at, release.by_label = out, actor.label[:150]
        release.watch_until = out + timedelta(hours=hours) if hours else None
        _insert(release)
        _note_out(automation, release, actor, now)
    return release


def _pass(release: Release, automation: Automation, released_at: datetime | None, now: datetime) -> None:
    if released_at is None or released_at >= now - SKEW:
        pass_gate(automation, release.change, now)
    else:
        release.passed_freeze = not queries.gate(automation, change=release.change, at=released_at).allowed


def _note_out(automation: Automation, release: Release, actor: Actor, now: datetime) -> None:
    extra = {"version": release.version, "risk": release.risk, "change": release.change}
    extra["watch_until"] = release.watch_until.isoformat() if release.watch_until else ""
    action = "release.passed_freeze" if release.passed_freeze else "release.recorded"
    note(automation, action, actor, now, reason=release.notes, extra=extra)


@transaction.atomic
def cancel_release(release: Release, *, actor: Actor, now: datetime, reason: str = "") -> Release:
    """Call a plan off. What is out stays recorded: Conflict `released`."""
    fresh = Release.objects.select_for_update(of=["self"]).select_related("automation__team").get(pk=release.pk)
    if fresh.released_at is not None or fresh.cancelled_at is not None:
        raise Conflict("released", "Only what is planned can be called off.")
    fresh.cancelled_at = now
    fresh.save()
    note(fresh.automation, "release.cancelled", actor, now, reason=reason, extra={"version": fresh.version})
    return fresh


def _told(release: Release, said: dict[str, Any]) -> Release:
    for name, value in said.items():
        if value:
            setattr(release, name, value)
    _check(release)
    return release


def _new(automation: Automation, version: str, now: datetime, actor: Actor, said: dict[str, Any]) -> Release:
    release = Release(automation=automation, version=version, created_at=now, by_label=actor.label[:150], **said)
    _check(release)
    return release


def _check(release: Release) -> None:
    rules = [
        (0 < len(release.version.strip()) <= 80, "version", "A version has 1 to 80 characters."),
        (release.risk in Release.Risk.values, "risk", "Low, medium or high."),
        (release.change in list(queries.Change), "change", f"One of {', '.join(queries.Change)}."),
        (len(release.notes) <= 500, "notes", "At most 500 characters."),
        (not release.url or is_address(release.url), "url", "An address with https or http."),
    ]
    errors = [InvalidInput("invalid", message, field=name) for holds, name, message in rules if not holds]
    if errors:
        raise InvalidInputs(errors)


def _insert(release: Release) -> None:
    try:
        with transaction.atomic():
            release.save()
    except IntegrityError as error:
        raise Conflict("version_taken", f"{release.version} is recorded already.", field="version") from error
