"""Heartbeats in the words of healthchecks.io's management API: what its clients read."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from slos.heartbeats.operations import OPTIONS
from slos.heartbeats.queries import is_started, status_of
from slos.models import Flip, Heartbeat, Ping
from slos.states import HeartbeatKind, HeartbeatStatus

# Their word for late is grace. What is unknown is not known to be up, so it is called that too.
STATUS_WORDS = {HeartbeatStatus.LATE: "grace", HeartbeatStatus.UNKNOWN: "grace"}
EXPECTING = (HeartbeatStatus.UP, HeartbeatStatus.LATE, HeartbeatStatus.UNKNOWN)


def ping_url(heartbeat: Heartbeat) -> str:
    return f"{settings.BASE_URL}/ping/{heartbeat.code}"


def unique_key(heartbeat: Heartbeat) -> str:
    """A name for readers that does not tell the code (SHA-1 of its first half, as healthchecks makes it)."""
    return hashlib.sha1(heartbeat.code.hex[:16].encode(), usedforsecurity=False).hexdigest()


def status_word(heartbeat: Heartbeat, at: datetime) -> str:
    """As the original tells it: there a check that was never pinged stays new, whatever the portal makes of that."""
    if not heartbeat.ping_count and heartbeat.status != HeartbeatStatus.PAUSED:
        return str(HeartbeatStatus.NEW)
    status = status_of(heartbeat, at)
    return STATUS_WORDS.get(status, str(status))


def check(heartbeat: Heartbeat, at: datetime, *, version: int = 3, readonly: bool = False) -> dict[str, Any]:
    """One check. Version 1 calls a check that runs `started`."""
    options = {**OPTIONS, **heartbeat.options}
    status, started = status_word(heartbeat, at), is_started(heartbeat)
    waiting = status_of(heartbeat, at) in EXPECTING
    by_subject = bool(options["filter_subject"])
    shape = {
        "name": heartbeat.name,
        "slug": heartbeat.ping_slug,
        "tags": heartbeat.tags,
        "desc": heartbeat.description,
        "grace": heartbeat.grace_seconds,
        "n_pings": heartbeat.ping_count,
        "status": "started" if version == 1 and started and status != "down" else status,
        "started": started,
        "last_ping": _whole(heartbeat.last_ping_at),
        "next_ping": _whole(heartbeat.due_at) if waiting else None,
        "manual_resume": options["manual_resume"],
        "methods": options["methods"],
        "subject": options["success_kw"] if by_subject else "",
        "subject_fail": options["failure_kw"] if by_subject else "",
        **{name: options[name] for name in ("start_kw", "success_kw", "failure_kw")},
        **{name: options[name] for name in OPTIONS if name.startswith("filter_")},
        "badge_url": f"{settings.BASE_URL}/b/2/{heartbeat.badge_key}.svg",
    }
    if heartbeat.last_duration_ms is not None:
        shape["last_duration"] = heartbeat.last_duration_ms // 1000
    shape |= {"unique_key": unique_key(heartbeat)} if readonly else _addresses(heartbeat, version)
    if heartbeat.kind == HeartbeatKind.SIMPLE:
        return {**shape, "timeout": heartbeat.timeout_seconds}
    return {**shape, "schedule": heartbeat.schedule, "tz": heartbeat.timezone}


def _addresses(heartbeat: Heartbeat, version: int) -> dict[str, Any]:
    own = f"{settings.BASE_URL}/api/v{version}/checks/{heartbeat.code}"
    return {
        "uuid": str(heartbeat.code),
        "ping_url": ping_url(heartbeat),
        "update_url": own,
        "pause_url": f"{own}/pause",
        "resume_url": f"{own}/resume",
        "channels": "",
    }


def pings(heartbeat: Heartbeat, rows: Iterable[Ping], *, version: int) -> list[dict[str, Any]]:
    """Pings, in the order given. `rows` are annotated with `has_body`."""
    return [_ping(heartbeat, row, version) for row in rows]


def _ping(heartbeat: Heartbeat, row: Ping, version: int) -> dict[str, Any]:
    own = f"{settings.BASE_URL}/api/v{version}/checks/{heartbeat.code}/pings/{row.n}/body"
    shape = {
        "type": row.kind,
        "date": row.at.isoformat(),
        "n": row.n,
        "scheme": row.scheme,
        "remote_addr": row.remote_address or "",
        "method": row.method,
        "ua": row.user_agent,
        "rid": str(row.rid) if row.rid else None,
        "body_url": own if getattr(row, "has_body", False) else None,
    }
    if row.duration_ms is not None:
        shape["duration"] = row.duration_ms / 1000
    return shape


def flips(rows: Iterable[Flip]) -> list[dict[str, Any]]:
    return [{"timestamp": _whole(row.at), "up": int(row.to_status == HeartbeatStatus.UP)} for row in rows]


def _whole(at: datetime | None) -> str | None:
    return at.replace(microsecond=0).isoformat() if at else None
