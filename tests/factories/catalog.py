"""Automations and freezes for tests. Everything has a working default, and a counter keeps slugs apart."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from opsportal.catalog import operations
from opsportal.catalog.models import Automation, Freeze
from tests.factories.identity import NOW, SETUP

_numbers = itertools.count(1)


def make_automation(slug: str = "", *, now: datetime = NOW, active: bool = False, **fields: Any) -> Automation:
    slug = slug or f"automation-{next(_numbers)}"
    defaults = {"name": slug.replace("-", " ").capitalize()}
    automation = operations.create_automation(slug=slug, actor=SETUP, now=now, **{**defaults, **fields})
    return operations.activate_automation(automation, actor=SETUP, now=now) if active else automation


def make_freeze(*, scope: str = "all", now: datetime = NOW, days: float = 3, **fields: Any) -> Freeze:
    """A freeze from `now` on, for `days`. Policies write them later on; until then rows do."""
    defaults = {"kind": "budget", "reason": "The error budget of this week is used up."}
    values = {"from_at": now, "until": now + timedelta(days=days), "created_at": now, **defaults, **fields}
    return Freeze.objects.create(scope=scope, **values)
