"""SLOs for tests. Everything has a working default, and a counter keeps slugs apart."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from opsportal.catalog.models import Automation
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from slos.models import Exclusion, Slo
from slos.objectives import operations
from slos.objectives.document import from_document
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP

_numbers = itertools.count(1)
ROLLING = {"kind": "rolling", "days": 28}
WEEK = {"kind": "calendar", "unit": "week", "timezone": "UTC"}


def document(slug: str = "", **fields: Any) -> dict[str, Any]:
    """An SLO as the API writes it: availability by occurrences, 99.5% over 28 days."""
    slug = slug or f"slo-{next(_numbers)}"
    defaults = {"name": slug.replace("-", " ").capitalize(), "kind": "availability", "method": "occurrences"}
    return {"slug": slug, **defaults, "target": "99.5", "window": ROLLING, **fields}


def make_slo(
    slug: str = "", *, automation: Automation | None = None, state: str = "active", now: datetime = NOW, **fields: Any
) -> Slo:
    needs_runs = fields.get("kind", "availability") in ("availability", "latency", "freshness")
    if automation is None and needs_runs:
        automation = make_automation(active=False)
    said = document(slug, automation=automation.slug if automation else None, **fields)
    return operations.create_slo(slug=said["slug"], definition=from_document(said), state=state, actor=SETUP, now=now)


def make_exclusion(
    slo: Slo, author: Person, *, from_at: datetime, hours: float = 1, now: datetime = NOW, **fields: Any
) -> Exclusion:
    return operations.exclude(
        slo=slo,
        from_at=from_at,
        until=from_at + timedelta(hours=hours),
        author=author,
        actor=actor_for(author),
        now=now,
        **{"reason": "Planned maintenance", **fields},
    )
