"""Messages, events and subscriptions for tests. Everything has a working default, and a counter keeps keys apart."""

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from opsportal.identity.models import Person, Team
from opsportal.notify import operations
from opsportal.notify.models import Delivery, Subscription
from tests.factories.identity import NOW, SETUP

_numbers = itertools.count(1)


def tell(person: Person, *, key: str = "", title: str = "", now: datetime = NOW, **fields: Any) -> str:
    """Tell a person something and answer its key."""
    number = next(_numbers)
    key = key or f"notice:{number}"
    defaults = {"topic": "handoffs", "body": "", "url": "/handoffs/1/", "trace_id": f"trace-{number}"}
    operations.tell(person=person, key=key, title=title or f"Notice {number}", now=now, **{**defaults, **fields})
    return key


def publish(
    event_type: str = "handoff.reassigned",
    *,
    key: str = "",
    data: dict[str, Any] | None = None,
    team: str = "",
    now: datetime = NOW,
) -> str:
    """Announce an event and answer its key."""
    number = next(_numbers)
    key = key or f"event:{number}"
    operations.publish(
        event_type=event_type,
        data={"id": f"record-{number}", "owner": "bea"} if data is None else data,
        team=team,
        trace_id=f"trace-{number}",
        key=key,
        now=now,
    )
    return key


def make_subscription(
    url: str,
    *,
    events: Iterable[str] = ("handoff.*",),
    name: str = "",
    team: Team | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> tuple[Subscription, str]:
    """A subscription and its secret."""
    return operations.create_subscription(
        name=name or f"CRM {next(_numbers)}", url=url, events=events, team=team, actor=SETUP, now=now, **fields
    )


def states() -> dict[str, str]:
    """The state of every delivery by its key."""
    return dict(Delivery.objects.order_by("id").values_list("key", "state"))
