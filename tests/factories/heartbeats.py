"""Heartbeats and ping projects for tests. Everything has a working default, and a counter keeps names apart."""

import itertools
from datetime import datetime
from typing import Any

from opsportal.identity.models import Team
from slos.heartbeats import operations
from slos.heartbeats.pinging import Address, Call, Taken, take_ping
from slos.models import Heartbeat, PingProject
from tests.factories.identity import NOW, SETUP

_numbers = itertools.count(1)


def make_heartbeat(
    slug: str = "", *, now: datetime = NOW, project: PingProject | None = None, **values: Any
) -> Heartbeat:
    """A heartbeat that expects a ping every hour, with ten minutes of grace."""
    slug = slug or f"heartbeat-{next(_numbers)}"
    defaults = {"name": slug.replace("-", " ").capitalize(), "timeout_seconds": 3600, "grace_seconds": 600}
    integration = project.integration if project else None
    return operations.create_heartbeat(
        slug=slug, values={**defaults, **values}, integration=integration, actor=SETUP, now=now
    )


def make_project(name: str = "", *, team: Team | None = None, now: datetime = NOW) -> PingProject:
    return operations.create_project(name=name or f"project {next(_numbers)}", team=team, actor=SETUP, now=now)


def ping(heartbeat: Heartbeat, at: datetime, action: str = "success", **call: Any) -> Taken:
    """One ping as the address takes it."""
    return take_ping(Address(code=heartbeat.code), Call(action=action, **call), at)
