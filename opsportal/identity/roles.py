"""Roles and what each may do. A role is a group; its scopes are the words tokens use too."""

from enum import StrEnum

SCOPES = (
    "runs:write runs:read heartbeats:write heartbeats:read events:write events:read handoffs:read handoffs:write "
    "slos:read slos:write catalog:read catalog:write people:read people:write oncall:read oncall:write alerts:write "
    "alerts:ack incidents:read incidents:write runbooks:read runbooks:write replay:read replay:enqueue replay:request "
    "audit:read governance:read governance:write admin"
).split()


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
