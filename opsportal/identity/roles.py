"""Roles and what each may do. A role is a group; its scopes are the words tokens use too."""

from enum import StrEnum

SCOPES = (
    "runs:write",
    "runs:read",
    "heartbeats:write",
    "heartbeats:read",
    "events:write",
    "events:read",
    "handoffs:read",
    "handoffs:write",
    "slos:read",
    "slos:write",
    "catalog:read",
    "catalog:write",
    "people:read",
    "people:write",
    "oncall:read",
    "oncall:write",
    "alerts:write",
    "alerts:ack",
    "incidents:read",
    "incidents:write",
    "runbooks:read",
    "runbooks:write",
    "replay:read",
    "replay:enqueue",
    "replay:request",
    "audit:read",
    "governance:read",
    "governance:write",
    "admin",
)

# Not a word for tokens: the part of `handoffs:write` that changes timers, rules and calendars for everybody.
CONFIGURE_HANDOFFS = "handoffs:configure"


class Role(StrEnum):
    VIEWER = "viewer"
    ANALYST = "analyst"
    OPS_LEAD = "ops_lead"
    ADMIN = "admin"


GROUP_NAMES = {
    Role.VIEWER: "Viewer",
    Role.ANALYST: "Analyst",
    Role.OPS_LEAD: "Ops lead",
    Role.ADMIN: "Admin",
}
ROLE_OF_GROUP = {name: role for role, name in GROUP_NAMES.items()}

_READS = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
# Leadership reads verdicts, never telemetry, payloads or the trail (they hold personal data).
_VIEWER = _READS - {"runs:read", "heartbeats:read", "events:read", "replay:read", "audit:read"}
_ANALYST = _READS | {
    "handoffs:write",
    "events:write",
    "runbooks:write",
    "incidents:write",
    "alerts:ack",
    "replay:request",
}

SCOPES_OF_ROLE: dict[Role, frozenset[str]] = {
    Role.VIEWER: _VIEWER,
    Role.ANALYST: _ANALYST,
    Role.OPS_LEAD: frozenset(SCOPES) - {"people:write", "admin"} | {CONFIGURE_HANDOFFS},
    # Separation of duties: an admin looks after people and tokens, and works on no record.
    Role.ADMIN: _READS | {"people:write"},
}
