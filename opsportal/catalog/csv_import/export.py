"""Automations on their way out, under the names an import reads them by."""

from collections.abc import Iterator
from typing import Any

from opsportal.catalog.models import Automation

PEOPLE = ("owner", "backup_owner", "accountable", "cost_owner")
LINKS = ("grafana", "runbook", "repository")
PLAIN = (
    "tier", "platform", "state", "trigger", "pattern", "maturity", "criticality_notes", "what_it_does",
    "what_it_touches", "how_to_pause", "retry_notes", "fallback", "cost_per_month", "cost_budget", "currency",
)  # fmt: skip
HEADER = ["name", "slug", "team", *PEOPLE, *PLAIN, "journeys", *LINKS]


def export(found: Any) -> tuple[list[str], Iterator[list[Any]]]:
    """Header and rows of a filtered, sorted list; read as they are sent."""
    rows = found.iterator(chunk_size=500) if hasattr(found, "iterator") else iter(found)
    return HEADER, (_row(automation) for automation in rows)


def _row(automation: Automation) -> list[Any]:
    people = [getattr(automation, name) for name in PEOPLE]
    addresses = {link.get("kind"): link["url"] for link in reversed(automation.links)}
    return [
        automation.name,
        automation.slug,
        automation.team.slug if automation.team else "",
        *(person.username if person else "" for person in people),
        *(_cell(getattr(automation, name)) for name in PLAIN),
        "; ".join(automation.journeys),
        *(addresses.get(kind, "") for kind in LINKS),
    ]


def _cell(value: Any) -> Any:
    return "" if value is None else value
