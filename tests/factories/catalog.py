"""Automations and freezes for tests. Everything has a working default, and a counter keeps slugs apart."""

import itertools
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from opsportal import clock
from opsportal.catalog import operations
from opsportal.catalog.models import Automation, Freeze, WorkflowImport
from opsportal.identity.models import Person
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


def make_whole(slug: str, *, now: datetime | None = None) -> Automation:
    """The automation of that slug with something of everything that can belong to one."""
    now = now or clock.now()
    automation = Automation.objects.get(slug=slug)
    lee = Person.objects.exclude(pk=automation.owner_id).first()
    values: dict[str, Any] = {
        "raci": {"accountable": automation.owner, "responsible": [lee], "consulted": [lee]},
        "limits": {"runs_per_hour": 500, "retry_ratio": "0.2"},
        "what_it_does": "Assigns every new lead to the account executive of its territory.",
        "how_to_pause": "n8n, workflow Lead router, toggle Active.",
        "fallback": "A batch assigns leads once an hour.",
        "journeys": ["lead-to-deal"],
        "trigger": "event",
        "cost_per_month": Decimal(120),
        "cost_budget": Decimal(100),
    }
    automation = operations.change_automation(automation, values=values, actor=SETUP, now=now)
    who: dict[str, Any] = {"actor": SETUP, "now": now}
    operations.record_release(automation, version="v1", released_at=now - timedelta(days=9), **who)
    operations.record_release(automation, version="v2", notes="Scores leads first", **who)
    operations.plan_release(automation, version="v3", planned_at=now + timedelta(days=4), risk="high", **who)
    operations.add_switch(automation, slug="scoring", label="Scoring", **who)
    operations.add_switch(automation, slug="enrichment", label="Enrichment", is_on=True, **who)
    expiry = now + timedelta(days=6)
    operations.add_credential(automation, name="HubSpot", reference="vault:hubspot", expires_at=expiry, **who)
    operations.add_credential(automation, name="Gmail of Jane", kind="personal", **who)
    operations.tick_item(automation, item="hardening.log", done=True, **who)
    sentence = "New leads are assigned once an hour."
    operations.set_degraded(automation, sentence=sentence, until=now + timedelta(hours=5), **who)
    operations.switch_fallback(automation, on=True, **who)
    operations.add_cost_line(tool="n8n on Fly", amount=Decimal(20), from_date=now.date(), **who)
    automation.refresh_from_db()
    return automation


def import_workflow(person: Person, *, now: datetime | None = None) -> WorkflowImport:
    """An uploaded workflow of n8n with findings, waiting for a look."""
    headers = {"headerParameters": {"parameters": [{"name": "Authorization", "value": "Bearer abcdef1234567890"}]}}
    nodes = [
        {"name": "Clock", "type": "n8n-nodes-base.scheduleTrigger", "parameters": {"rule": {"interval": [{}]}}},
        {"name": "Ask", "type": "n8n-nodes-base.httpRequest", "parameters": {"url": "http://10.0.0.7/", **headers}},
    ]
    raw = json.dumps({"id": "w1", "name": "Deal sync", "nodes": nodes, "connections": {}}).encode()
    return operations.upload_workflows(
        file_name="deal-sync.json", raw=raw, person=person, actor=SETUP, now=now or clock.now()
    )
