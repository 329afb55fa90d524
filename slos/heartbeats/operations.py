"""Writing heartbeats: made, changed, paused, resumed, given a new address, deleted. Pings have a door of their own
(pinging.py)."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import Max

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.identity.models import Person, Team
from opsportal.integrations.models import Integration
from opsportal.integrations.operations import create_integration
from slos.heartbeats import engine
from slos.heartbeats.queries import terms_of
from slos.models import Flip, Heartbeat, HeartbeatRun, PingProject
from slos.states import HeartbeatKind, HeartbeatStatus

KIND = "healthchecks"
FIELDS = (
    "name",
    "ping_slug",
    "automation",
    "team",
    "kind",
    "timeout_seconds",
    "grace_seconds",
    "schedule",
    "timezone",
    "max_runtime_seconds",
    "start_deadline_seconds",
    "min_items",
    "max_pings_per_hour",
    "tags",
    "description",
    "options",
)
OPTIONS: dict[str, Any] = {
    "manual_resume": False,
    "methods": "",
    "start_kw": "",
    "success_kw": "",
    "failure_kw": "",
    "filter_subject": False,
    "filter_body": False,
    "filter_http_body": False,
    "filter_default_fail": False,
}
SECONDS = ("timeout_seconds", "grace_seconds", "max_runtime_seconds", "start_deadline_seconds")
RESERVED = ("new", "keys", "bulk")  # addresses of pages
EXPECTING = (HeartbeatStatus.UP, HeartbeatStatus.UNKNOWN)


@transaction.atomic
def create_heartbeat(
    *,
    values: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    slug: str = "",
    integration: Integration | None = None,
) -> Heartbeat:
    """A heartbeat that waits for its first ping. Without a slug it gets one from its name.

    Raises InvalidInputs at the fields, Conflict `slug_taken`.
    """
    made = Heartbeat(integration=integration, team=integration.team if integration else None)
    made.created_at = made.updated_at = now
    _fill(made, values)
    if slug in RESERVED or (slug and Heartbeat.objects.filter(slug=slug).exists()):
        raise Conflict("slug_taken", f"There is a heartbeat “{slug}” already.", field="slug")
    made.slug = slug or _free_slug(made)
    made.save(force_insert=True)
    _record(made, "created", actor=actor, now=now, after=_data(made))
    return made


@transaction.atomic
def provision_heartbeat(project: PingProject, *, slug: str, actor: Actor, now: datetime) -> tuple[Heartbeat, bool]:
    """The heartbeat a ping with `create=1` asks for, and whether it is new. Of two such pings at once one makes it."""
    PingProject.objects.select_for_update().get(pk=project.pk)
    known = Heartbeat.objects.filter(integration=project.integration, ping_slug=slug).first()
    if known is not None:
        return known, False
    values = {"name": slug, "ping_slug": slug}
    return create_heartbeat(values=values, integration=project.integration, actor=actor, now=now), True


@transaction.atomic
def change_heartbeat(heartbeat: Heartbeat, *, values: Mapping[str, Any], actor: Actor, now: datetime) -> Heartbeat:
    """Change what is expected. What is due follows from the last ping and the new terms. Raises InvalidInputs."""
    changed = _locked(heartbeat)
    before = _data(changed)
    _fill(changed, values)
    if changed.status in EXPECTING and changed.last_ping_at is not None:
        running = changed.running.aggregate(last=Max("deadline_at"))["last"]
        changed.due_at, changed.down_at = engine.expectation(terms_of(changed), changed.last_ping_at, running)
    if changed.status == HeartbeatStatus.NEW:
        changed.due_at = changed.down_at = None  # the next sweep expects its first ping by the new terms
    changed.updated_at = now
    _save(changed)
    after = _data(changed)
    names = [name for name in after if after[name] != before[name]]
    if names:
        old, new = {name: before[name] for name in names}, {name: after[name] for name in names}
        _record(changed, "changed", actor=actor, now=now, before=old, after=new)
    return changed


@transaction.atomic
def pause_heartbeat(heartbeat: Heartbeat, *, actor: Actor, now: datetime) -> Heartbeat:
    """Expect nothing until the next ping (or, where it resumes by hand only, until somebody resumes it)."""
    paused = _locked(heartbeat)
    HeartbeatRun.objects.filter(heartbeat=paused).delete()
    if paused.status == HeartbeatStatus.PAUSED:
        return paused
    _move(paused, HeartbeatStatus.PAUSED, "paused", now)
    _record(paused, "paused", actor=actor, now=now)
    return paused


@transaction.atomic
def resume_heartbeat(heartbeat: Heartbeat, *, actor: Actor, now: datetime) -> Heartbeat:
    """Wait for a first ping again. Raises Conflict `not_paused`."""
    resumed = _locked(heartbeat)
    if resumed.status != HeartbeatStatus.PAUSED:
        raise Conflict("not_paused", "check is not paused")
    HeartbeatRun.objects.filter(heartbeat=resumed).delete()
    resumed.last_ping_at = None
    _move(resumed, HeartbeatStatus.NEW, "resumed", now)
    _record(resumed, "resumed", actor=actor, now=now)
    return resumed


@transaction.atomic
def rotate_heartbeat(heartbeat: Heartbeat, *, actor: Actor, now: datetime) -> Heartbeat:
    """Give it a new address; the old one is unknown from now on."""
    rotated = _locked(heartbeat)
    rotated.code, rotated.updated_at = uuid4(), now
    _save(rotated)
    _record(rotated, "rotated", actor=actor, now=now)
    return rotated


@transaction.atomic
def delete_heartbeat(heartbeat: Heartbeat, *, actor: Actor, now: datetime) -> None:
    """Take it away with its pings."""
    gone = _locked(heartbeat)
    _record(gone, "deleted", actor=actor, now=now, before=_data(gone))
    gone.delete()


@transaction.atomic
def create_project(
    *, name: str, actor: Actor, now: datetime, team: Team | None = None, created_by: Person | None = None
) -> PingProject:
    """A set of keys for programs that speak the protocol of healthchecks.io: the integration and its ping key."""
    integration, _ = create_integration(kind=KIND, name=name, team=team, created_by=created_by, actor=actor, now=now)
    return open_project(integration, actor=actor, now=now)


def open_project(integration: Integration, *, actor: Actor, now: datetime) -> PingProject:
    """The keys of an integration of this kind, made when it has none yet."""
    keys = {"ping_key": secrets.token_urlsafe(24)[:22].replace("_", "a").replace("-", "b")}
    project, made = PingProject.objects.get_or_create(
        integration=integration, defaults={**keys, "readonly_key": secrets.token_hex(16)}
    )
    if made:
        subject = Subject("integration", str(integration.pk), integration.name)
        team = integration.team.slug if integration.team else ""
        audit.record(Draft(actor=actor, action="heartbeat.keys_made", subject=subject, at=now, team=team))
    return project


# --- checking and writing ---


def _fill(heartbeat: Heartbeat, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in FIELDS:
            raise InvalidInput("unknown_field", "There is no such field.", field=name)
        setattr(heartbeat, name, {**OPTIONS, **heartbeat.options, **value} if name == "options" else value)
    if "schedule" in values and "kind" not in values and heartbeat.schedule:
        heartbeat.kind = engine.guess_kind(heartbeat.schedule)
    if refused := list(_refusals(heartbeat)):
        raise InvalidInputs(refused)


def _refusals(heartbeat: Heartbeat) -> "list[InvalidInput]":
    refused = []
    for name in SECONDS:
        given = getattr(heartbeat, name)
        if given is not None and not 1 <= given <= engine.MAX_SECONDS:
            refused.append(InvalidInput("out_of_range", "Between one second and 365 days.", field=name))
    try:
        engine.zone_of(heartbeat.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refused.append(InvalidInput("unknown_timezone", "There is no such time zone.", field="timezone"))
    if heartbeat.kind != HeartbeatKind.SIMPLE:
        try:
            engine.check_schedule(heartbeat.kind, heartbeat.schedule)
        except ValueError as error:
            message = f"This is no expression of the kind {heartbeat.kind}: {error}"
            refused.append(InvalidInput("bad_schedule", message, field="schedule"))
    return refused


def _free_slug(heartbeat: Heartbeat) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", (heartbeat.ping_slug or heartbeat.name).lower()).strip("-")[:90] or "heartbeat"
    if base not in RESERVED and not Heartbeat.objects.filter(slug=base).exists():
        return base
    return f"{base}-{secrets.token_hex(4)}"


def _locked(heartbeat: Heartbeat) -> Heartbeat:
    rows = Heartbeat.objects.select_for_update(of=("self",)).select_related("automation", "team", "integration__team")
    return rows.get(pk=heartbeat.pk)


def _save(heartbeat: Heartbeat) -> None:
    """Pings that have read the row before decide anew."""
    heartbeat.version += 1
    heartbeat.save()


def _move(heartbeat: Heartbeat, status: HeartbeatStatus, reason: str, now: datetime) -> None:
    Flip.objects.create(
        heartbeat=heartbeat, at=now, since=now, from_status=heartbeat.status, to_status=status, reason=reason
    )
    heartbeat.status, heartbeat.updated_at = status, now
    heartbeat.due_at = heartbeat.down_at = heartbeat.unknown_since = None
    _save(heartbeat)


def _data(heartbeat: Heartbeat) -> dict[str, Any]:
    """What the trail keeps: never the code, which is a secret."""
    plain = {name: getattr(heartbeat, name) for name in FIELDS if name not in ("automation", "team")}
    return {
        **plain,
        "automation": heartbeat.automation.slug if heartbeat.automation else None,
        "team": heartbeat.team.slug if heartbeat.team else None,
    }


def _record(heartbeat: Heartbeat, action: str, *, actor: Actor, now: datetime, **details: Any) -> None:
    team = heartbeat.automation.team if heartbeat.automation else heartbeat.team
    subject = Subject("heartbeat", heartbeat.slug, str(heartbeat))
    slug = team.slug if team else ""
    audit.record(Draft(actor=actor, action=f"heartbeat.{action}", subject=subject, at=now, team=slug, **details))
