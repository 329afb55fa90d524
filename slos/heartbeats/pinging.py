"""Taking a ping: read what is known, decide, and write everything at once if nobody else has written meanwhile.

On PostgreSQL that is one SELECT and one statement that updates and inserts, each committing by itself: two round trips.
Whoever loses the race three times reads again under a lock. SQLite has one writer: there it is one transaction.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from slos.heartbeats import engine
from slos.heartbeats.engine import Outcome, Pace, Rhythm, Signal, Standing, Terms
from slos.heartbeats.statements import CLOSE_ALL, CLOSE_ONE, FLIP, PING, RUN, Rows, ask, write
from slos.models.heartbeats import NO_RID

TRIES = 3

# A run that overran its deadline is no longer waited for: its late end finds the start among the pings.
COLUMNS = """
    SELECT h.id, h.version, h.ping_count, h.options,
        h.kind, h.timeout_seconds, h.schedule, h.timezone,
        h.grace_seconds, h.max_runtime_seconds, h.start_deadline_seconds, h.min_items, h.max_pings_per_hour,
        h.status, h.last_duration_ms, h.minute_count, h.hour_count,
        h.last_ping_at, h.last_start_at, h.due_at, h.down_at, h.unknown_since,
        h.minute_at, h.hour_at, h.runaway_since,
        CASE WHEN r.started_at IS NOT NULL THEN r.started_at WHEN h.status = 'down' THEN (
            SELECT CASE WHEN l.kind = 'start' THEN l.at END FROM slos_ping l
            WHERE l.heartbeat_id = h.id AND l.kind IN ('start', 'success', 'fail') AND COALESCE(l.rid, %s) = %s
            ORDER BY l.n DESC LIMIT 1
        ) END,
        (SELECT max(o.deadline_at) FROM slos_heartbeatrun o WHERE o.heartbeat_id = h.id AND o.rid <> %s)
    FROM slos_heartbeat h LEFT JOIN slos_heartbeatrun r ON r.heartbeat_id = h.id AND r.rid = %s
"""
BY_CODE = COLUMNS + " WHERE h.code = %s"
BY_SLUG = (
    COLUMNS
    + """
    JOIN slos_pingproject p ON p.integration_id = h.integration_id
    JOIN integrations_integration i ON i.id = p.integration_id
    WHERE p.ping_key = %s AND h.ping_slug = %s AND i.disabled_at IS NULL ORDER BY h.id LIMIT 2
"""
)
FIRST_INSTANT = 17  # where the columns with instants begin


class UnknownHeartbeat(Exception):
    """No heartbeat stands at that address."""


class AmbiguousSlug(Exception):
    """Several heartbeats of the project share the slug."""


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a ping is for: a code, or the ping key of a project and a slug."""

    code: UUID | None = None
    ping_key: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A ping as it came over the wire, cut to what is kept."""

    action: str
    method: str = "GET"
    scheme: str = "http"
    user_agent: str = ""
    remote_address: str | None = None
    body: bytes = b""
    rid: UUID | None = None
    rid_is_bad: bool = False
    exit_status: int | None = None
    items: int | None = None
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it. `retry_after` > 0: the minute had more pings than it may; it counted, and left no row."""

    at: datetime
    outcome: Outcome
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    pk: int
    version: int
    ping_count: int
    options: dict[str, Any]
    terms: Terms
    standing: Standing


def take_ping(address: Address, call: Call, now: datetime) -> Taken:
    """Take one ping. Raises UnknownHeartbeat or AmbiguousSlug; whatever else is odd about it, it is taken."""
    if connection.vendor == "postgresql":
        connection.health_check_done = True  # type: ignore[attr-defined]  # the read below notices a dead connection itself, for one trip less
        for attempt in range(TRIES):
            found = _read_anew(address, call) if attempt == 0 else _read(address, call)
            taken = _decide(found, call, now)
            if _write(found, call, taken):
                return taken
    with transaction.atomic():
        found = _read(address, call, lock=connection.features.has_select_for_update)
        taken = _decide(found, call, now)
        if not _write(found, call, taken):
            raise OperationalError("A heartbeat changed although it was locked.")
        return taken


def _decide(found: Found, call: Call, now: datetime) -> Taken:
    action = engine.read_action(found.options, call.action, call.method, call.body)
    signal = Signal(now, action, call.rid, call.rid_is_bad, call.items)
    outcome = engine.decide(found.terms, found.standing, signal)
    wait = engine.retry_after(outcome.standing.pace, now, settings.PINGS_PER_MINUTE)
    if wait:
        outcome = replace(outcome, run_until=None)  # nor may it open runs without end
    return Taken(now, outcome, wait)


# --- reading ---


def _read_anew(address: Address, call: Call) -> Found:
    """The first read; a connection that died while it was idle is opened again."""
    try:
        return _read(address, call)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _read(address, call)


def _read(address: Address, call: Call, *, lock: bool = False) -> Found:
    rid = call.rid or NO_RID
    by_code = address.code is not None
    sql, key = (BY_CODE, [address.code]) if by_code else (BY_SLUG, [address.ping_key, address.slug])
    rows = ask(sql + (" FOR UPDATE OF h" if lock else ""), [NO_RID, rid, rid, rid, *key])
    if not rows:
        raise UnknownHeartbeat
    if len(rows) > 1:
        raise AmbiguousSlug
    return _found(rows[0])


def _found(row: Sequence[Any]) -> Found:
    pk, version, ping_count, options, kind, timeout, schedule, zone, *limits = row[:13]
    status, duration, minute_count, hour_count = row[13:FIRST_INSTANT]
    last_ping, last_start, due, down, unknown, minute, hour, runaway, started, others = (
        _instant(each) for each in row[FIRST_INSTANT:]
    )
    options = json.loads(options) if isinstance(options, str) else options
    grace, max_runtime, start_deadline, min_items, per_hour = limits
    by_hand = bool(options.get("manual_resume"))
    terms = Terms(
        Rhythm(kind, timeout, schedule, zone), grace, max_runtime, start_deadline, min_items, per_hour, by_hand
    )
    pace = Pace(minute, minute_count, hour, hour_count, runaway)
    standing = Standing(status, last_ping, last_start, duration, due, down, unknown, pace, started, others)
    return Found(pk, version, ping_count, options, terms, standing)


def _instant(value: Any) -> datetime | None:
    """SQLite keeps instants as text, in UTC and without saying so."""
    if value is None:
        return None
    instant: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


# --- writing ---


def _write(found: Found, call: Call, taken: Taken) -> bool:
    """Everything or nothing; False when the heartbeat was written since it was read."""
    after, outcome = taken.outcome.standing, taken.outcome
    pace = after.pace
    values = [
        str(after.status),
        after.last_duration_ms,
        after.last_ping_at,
        after.last_start_at,
        after.due_at,
        after.down_at,
        after.unknown_since,
        pace.minute_at,
        pace.minute_count,
        pace.hour_at,
        pace.hour_count,
        pace.runaway_since,
        found.pk,
        found.version,
    ]
    rows: Rows = [] if taken.retry_after else [(PING, _ping(found, call, taken))]
    if (change := outcome.change) is not None:
        rows.append((FLIP, [change.at, change.since, str(change.before), str(change.after), change.reason]))
    if outcome.run_until is not None:
        rows.append((RUN, [call.rid or NO_RID, taken.at, outcome.run_until]))
    known = found.standing  # what nobody has opened needs no closing: an opening would have moved the version
    if outcome.closes == "all" and (known.run_started_at or known.others_until):
        rows.append((CLOSE_ALL, []))
    elif outcome.closes == "one" and known.run_started_at:
        rows.append((CLOSE_ONE, [call.rid or NO_RID]))
    return write(found.pk, values, rows)


def _ping(found: Found, call: Call, taken: Taken) -> list[Any]:
    return [
        found.ping_count + 1,
        taken.outcome.kind,
        taken.at,
        call.rid,
        call.exit_status,
        taken.outcome.duration_ms,
        call.items,
        call.scheme,
        call.method,
        call.user_agent,
        call.remote_address,
        call.body or None,
        call.trace_id,
    ]
