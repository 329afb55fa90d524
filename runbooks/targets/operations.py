"""Changes to targets. Where one may point is checked here and again before every request."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.outbound import policy
from opsportal.vault import signatures
from runbooks.models import ReplayTarget, TargetHealth
from runbooks.models.targets import MOST_ATTEMPTS, MOST_PER_MINUTE, MOST_SECONDS
from runbooks.targets import secrets, shadow
from runbooks.targets.queries import team_of

FIELDS = (
    "name",
    "url",
    "automation",
    "team",
    "rate_per_minute",
    "max_attempts",
    "timeout_seconds",
    "idempotent",
    "superseding",
    "already_there",
    "secret_ref",
    "shadow_url",
    "shadow_secret_ref",
)
RANGES = {
    "rate_per_minute": (1, MOST_PER_MINUTE),
    "max_attempts": (1, MOST_ATTEMPTS),
    "timeout_seconds": (1, MOST_SECONDS),
}
MOST_STATUSES = 10


@transaction.atomic
def create_target(
    *, slug: str, values: Mapping[str, Any], actor: Actor, now: datetime, secret: str = ""
) -> tuple[ReplayTarget, str]:
    """A new target, and its signing secret: shown once, made where none is given.

    Raises InvalidInput(s) at the fields, target_refused where nobody may send to, Conflict `slug_taken`.
    """
    target = ReplayTarget(slug=slug, created_at=now, updated_at=now)
    _fill(target, {"name": slug, **values})
    known = signatures.checked_secret(secret) if secret else signatures.new_secret()
    target.signing_secret = secrets.close(target, known)
    try:
        with transaction.atomic():
            target.save(force_insert=True)
    except IntegrityError:
        raise Conflict("slug_taken", f"There is a target “{slug}” already.", field="slug") from None
    TargetHealth.objects.create(target=target)
    _record(target, "created", actor=actor, now=now, after=_data(target))
    return target, known


@transaction.atomic
def change_target(target: ReplayTarget, *, values: Mapping[str, Any], actor: Actor, now: datetime) -> ReplayTarget:
    """Change what a target declares. What is in flight ends by the old words."""
    changed = _locked(target)
    before = _data(changed)
    _fill(changed, values)
    changed.updated_at = now
    changed.save(update_fields=[*FIELDS, "updated_at"])
    after = _data(changed)
    names = [name for name in after if after[name] != before[name]]
    if names:
        old, new = {name: before[name] for name in names}, {name: after[name] for name in names}
        _record(changed, "changed", actor=actor, now=now, before=old, after=new)
    return changed


@transaction.atomic
def rotate_secret(target: ReplayTarget, *, actor: Actor, now: datetime) -> str:
    """A new signing secret, shown once."""
    changed, secret = _locked(target), signatures.new_secret()
    changed.signing_secret, changed.updated_at = secrets.close(changed, secret), now
    changed.save(update_fields=["signing_secret", "updated_at"])
    _record(changed, "secret_rotated", actor=actor, now=now)
    return secret


@transaction.atomic
def stop_target(target: ReplayTarget, *, reason: str, actor: Actor, now: datetime) -> ReplayTarget:
    """Send nothing more to it until somebody starts it again; what is in flight ends."""
    if not reason.strip():
        raise InvalidInput("required", "Say why it is stopped.", field="reason")
    stopped = _locked(target)
    if stopped.stopped_at is None:
        stopped.stopped_at, stopped.stop_reason = now, reason.strip()[:240]
        stopped.save(update_fields=["stopped_at", "stop_reason"])
        _record(stopped, "stopped", actor=actor, now=now, reason=reason)
    return stopped


@transaction.atomic
def start_target(target: ReplayTarget, *, actor: Actor, now: datetime) -> ReplayTarget:
    """Let sending go on."""
    started = _locked(target)
    if started.stopped_at is not None:
        started.stopped_at, started.stop_reason = None, ""
        started.save(update_fields=["stopped_at", "stop_reason"])
        _record(started, "started", actor=actor, now=now)
    return started


@transaction.atomic
def switch_backup(target: ReplayTarget, *, on: bool, reason: str, actor: Actor, now: datetime) -> ReplayTarget:
    """Ask whoever sends to the target to store here instead, or to send again."""
    switched = _locked(target)
    if switched.backup_mode != on:
        switched.backup_mode, switched.backup_since = on, now if on else None
        switched.save(update_fields=["backup_mode", "backup_since"])
        _record(switched, "backup_on" if on else "backup_off", actor=actor, now=now, reason=reason)
    return switched


@transaction.atomic
def try_now(target: ReplayTarget, *, actor: Actor, now: datetime) -> None:
    """Let an open breaker's probe go at once instead of waiting for its time. Raises Conflict `breaker_closed`."""
    _locked(target)
    if not TargetHealth.objects.filter(pk=target.pk, opened_at__isnull=False).update(probe_at=now):
        raise Conflict("breaker_closed", "This target is being sent to; there is nothing to try.")
    _record(target, "breaker_closed", actor=actor, now=now)


@transaction.atomic
def note_live_traffic(target: ReplayTarget, *, count: int, now: datetime) -> None:
    """Requests that somebody sent to the target past the queue: they use up slots of the same rate."""
    if not 1 <= count <= MOST_PER_MINUTE:
        raise InvalidInput("out_of_range", f"Between 1 and {MOST_PER_MINUTE}.", field="count")
    health = TargetHealth.objects.select_for_update().get(pk=target.pk)
    free = max(health.next_slot_at or now, now)
    used = free + timedelta(seconds=60 / target.rate_per_minute) * count
    later = min(used, now + timedelta(minutes=5))  # nobody holds the queue back for longer by one report
    TargetHealth.objects.filter(pk=health.pk).update(
        next_slot_at=max(later, free), live_at=now, live_count=F("live_count") + count
    )


def _fill(target: ReplayTarget, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in FIELDS:
            raise InvalidInput("unknown_field", "There is no such field.", field=name)
        setattr(target, name, value)
    refused = [error for error in (_refusal(target, name) for name in FIELDS) if error is not None]
    if refused:
        raise InvalidInputs(refused)


def _refusal(target: ReplayTarget, name: str) -> InvalidInput | None:
    value = getattr(target, name)
    try:
        if name == "url":
            policy.check_url(value or "", field="url")
        elif name in RANGES and not RANGES[name][0] <= value <= RANGES[name][1]:
            low, high = RANGES[name]
            return InvalidInput("out_of_range", f"Between {low} and {high:,}.", field=name)
        elif name in ("secret_ref", "shadow_secret_ref"):
            secrets.check_reference(value, field=name)
        elif name == "shadow_url" and value:
            shadow.check_shadow(target)
        elif name == "already_there":
            _check_statuses(value)
    except InvalidInput as error:
        return error
    return None


def _check_statuses(value: Any) -> None:
    known = isinstance(value, list) and all(type(one) is int and 400 <= one < 500 for one in value)
    if not known or len(value) > MOST_STATUSES:
        sentence = f"Up to {MOST_STATUSES} statuses from 400 to 499, such as 409."
        raise InvalidInput("invalid", sentence, field="already_there")


def _locked(target: ReplayTarget) -> ReplayTarget:
    rows = ReplayTarget.objects.select_for_update(of=("self",)).select_related("automation__team", "team")
    return rows.get(pk=target.pk)


def _data(target: ReplayTarget) -> dict[str, Any]:
    plain = {name: getattr(target, name) for name in FIELDS if name not in ("automation", "team")}
    automation, team = target.automation, target.team
    return {**plain, "automation": automation.slug if automation else None, "team": team.slug if team else None}


def _record(target: ReplayTarget, action: str, *, actor: Actor, now: datetime, **details: Any) -> None:
    team = team_of(target)
    subject = Subject("replay_target", target.slug, str(target))
    draft = Draft(actor, f"replay_target.{action}", subject, now, team=team.slug if team else "", **details)
    audit.record(draft)
