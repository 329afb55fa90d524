"""Targets and items of the replay queue for tests. Everything has a working default."""

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from opsportal.audit.engine import Actor
from opsportal.catalog.models import Automation
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.queue import operations
from runbooks.queue.intake import NewItem, read_item
from runbooks.targets.operations import create_target
from tests.factories.identity import NOW, SETUP, make_person

_numbers = itertools.count(1)
FAST = 60_000


def make_target(url: str = "https://hooks.example.com/leads", slug: str = "", **values: Any) -> ReplayTarget:
    slug = slug or f"target-{next(_numbers)}"
    values = {"url": url, "rate_per_minute": FAST, **values}
    return create_target(slug=slug, values=values, actor=SETUP, now=NOW)[0]


def new_item(target: ReplayTarget, key: str = "", payload: Any = None, **fields: Any) -> NewItem:
    number = next(_numbers)
    said = {"target": target.slug, "record_key": key, "payload": payload or {"n": number}}
    return read_item({"external_id": f"ext-{number}", **said, **fields})


def store(target: ReplayTarget, *keys: str, now: datetime = NOW, **fields: Any) -> list[ReplayItem]:
    """One held item for each of these record keys, in this order."""
    several = [new_item(target, key, **fields) for key in keys]
    recorded = operations.record_items(
        several, targets=ReplayTarget.objects.all(), automations=Automation.objects.all(), now=now
    )
    rows = {str(item.pk): item for item in ReplayItem.objects.filter(target=target).select_related("target")}
    return [rows[one.id or ""] for one in recorded]


def let_go(items: Iterable[ReplayItem], *, now: datetime = NOW, person: Person | None = None) -> Any:
    """Release items of one target past the hourly limit, as a plan does."""
    some = list(items)
    actor: Actor = actor_for(person or make_person())
    release = operations.open_release(
        some[0].target, kind="plan", items=some, reason="the target is back", actor=actor, person=person, now=now
    )
    operations.let_go(release, [item.pk for item in some], actor=actor, now=now)
    return release


def states(target: ReplayTarget) -> dict[str, str]:
    rows = ReplayItem.objects.filter(target=target).order_by("pk")
    return {str(pk): state for pk, state in rows.values_list("pk", "state")}
