"""An automation as the trail shows it: slugs and user names instead of rows, decimal strings instead of amounts."""

from typing import Any

from opsportal.catalog.models import Automation, Part, Responsibility
from opsportal.identity.models import Person

# What may be set, and how the trail shows it. The slug is a name that others hold: it never changes. `raci` is
# {accountable: Person | None, responsible, consulted, informed: [Person]}.
PEOPLE = ("owner", "backup_owner", "cost_owner")
MONEY = ("cost_per_month", "cost_budget")
PLAIN = (
    "name",
    "tier",
    "platform",
    "criticality_notes",
    "links",
    "trigger",
    "pattern",
    "maturity",
    "journeys",
    "limits",
    "what_it_does",
    "what_it_touches",
    "how_to_pause",
    "retry_notes",
    "fallback",
    "currency",
)


def raci_of(automation: Automation) -> dict[str, Any]:
    """Who has which part, by user name."""
    found: dict[str, Any] = {"accountable": username(automation.accountable), **{part: [] for part in Part.values}}
    if automation.pk is not None:
        for each in Responsibility.objects.filter(automation=automation).select_related("person"):
            found[each.part].append(each.person.username)
    return found


def shown(automation: Automation) -> dict[str, Any]:
    """The fields as the trail and the API write them: a slug for the team, user names for people."""
    return {
        "team": automation.team.slug if automation.team else None,
        **{name: username(getattr(automation, name)) for name in PEOPLE},
        **{name: getattr(automation, name) for name in PLAIN},
        **{name: _money(getattr(automation, name)) for name in MONEY},
        "raci": raci_of(automation),
    }


def _money(amount: Any) -> str | None:
    return None if amount is None else f"{amount:.2f}"


def username(person: Person | None) -> str | None:
    return person.username if person else None
