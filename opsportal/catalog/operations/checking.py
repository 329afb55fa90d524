"""What an automation may say about itself: everything that is wrong at once, each at its field."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsportal.catalog.limits import check_limits
from opsportal.catalog.models import SLUG, Automation, Maturity, Part, Pattern, Platform, Tier, Trigger
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.models import Person, Team

MAX_LINKS = 20
MAX_JOURNEYS = 20
# What a link leads to; readiness asks for a dashboard and a runbook.
LINK_KINDS = (
    "grafana",
    "loki",
    "dashboard",
    "logs",
    "repository",
    "workflow",
    "runbook",
    "documentation",
    "other",
)
TEXTS = ("criticality_notes", "what_it_does", "what_it_touches", "how_to_pause", "retry_notes", "fallback")
RESERVED = frozenset({"new", "import", "n8n", "costs", "releases"})  # pages beside those of automations
CURRENCY = re.compile(r"[A-Z]{3}\Z")
Rule = tuple[bool, str, str, str]
Raci = Mapping[str, Any]


def check(automation: Automation) -> None:
    """Raises InvalidInputs. Limits are put into the form they are kept in."""
    errors = [InvalidInput(code, message, field=name) for holds, name, code, message in _rules(automation) if not holds]
    try:
        automation.limits = check_limits(automation.limits)
    except InvalidInput as error:
        errors.append(error)
    if errors:
        raise InvalidInputs(errors)


def _rules(automation: Automation) -> Iterator[Rule]:
    yield from _naming(automation)
    yield from _people(automation)
    yield from _choices(automation)
    yield from _money(automation)
    for name in TEXTS:
        yield len(getattr(automation, name)) <= 2000, name, "too_long", "At most 2,000 characters."
    yield _are_links(automation.links), "links", "invalid", "Links are {label, url, kind?}, https or http, at most 20."
    yield _are_journeys(automation.journeys), "journeys", "invalid", "Journeys are at most 20 names of 80 characters."


def _naming(automation: Automation) -> Iterator[Rule]:
    slug = SLUG.regex.match(automation.slug)  # type: ignore[union-attr]
    yield bool(slug), "slug", "invalid", "Use lower-case letters, digits and hyphens."
    yield not automation._state.adding or automation.slug not in RESERVED, "slug", "reserved", "This address is taken."
    yield len(automation.slug) <= 60, "slug", "too_long", "At most 60 characters."
    yield bool(automation.name.strip()), "name", "blank", "It needs a name."
    yield len(automation.name) <= 120, "name", "too_long", "At most 120 characters."


def _people(automation: Automation) -> Iterator[Rule]:
    yield _is_team(automation.team), "team", "invalid", "There is no such team."
    for name in ("owner", "backup_owner", "cost_owner"):
        yield _is_active(getattr(automation, name)), name, "inactive", "This person has left."
    two = automation.owner is None or automation.owner != automation.backup_owner
    yield two, "backup_owner", "same_as_owner", "The backup is who answers when the owner cannot: name somebody else."


def _choices(automation: Automation) -> Iterator[Rule]:
    yield automation.tier in Tier.values, "tier", "invalid", f"A tier is one of {', '.join(Tier.values)}."
    yield automation.platform in Platform.values, "platform", "invalid", "This platform is not known here."
    for name, choices in (("trigger", Trigger), ("pattern", Pattern), ("maturity", Maturity)):
        known = ", ".join(choices.values)
        yield getattr(automation, name) in ("", *choices.values), name, "invalid", f"One of {known}."


def _money(automation: Automation) -> Iterator[Rule]:
    for name in ("cost_per_month", "cost_budget"):
        amount = getattr(automation, name)
        fits = amount is None or (amount.is_finite() and 0 <= amount < 10**10)
        yield fits, name, "invalid", "An amount of money, not below zero."
    yield bool(CURRENCY.match(automation.currency)), "currency", "invalid", "Three letters, such as USD or EUR."


def _is_team(team: Team | None) -> bool:
    return team is None or team.pk is not None


def _is_active(person: Person | None) -> bool:
    return person is None or person.is_active


def _are_journeys(journeys: Any) -> bool:
    if not isinstance(journeys, list) or len(journeys) > MAX_JOURNEYS:
        return False
    return all(isinstance(name, str) and 0 < len(name.strip()) <= 80 for name in journeys)


def _are_links(links: Any) -> bool:
    return isinstance(links, list) and len(links) <= MAX_LINKS and all(_is_link(link) for link in links)


def _is_link(link: Any) -> bool:
    """A label and an address that a page may link to: no other scheme ever reaches an href."""
    if not isinstance(link, dict) or set(link) - {"kind"} != {"label", "url"}:
        return False
    label, url = link["label"], link["url"]
    if not isinstance(label, str) or not isinstance(url, str) or link.get("kind", "other") not in LINK_KINDS:
        return False
    return 0 < len(label.strip()) <= 80 and is_address(url)


def is_address(url: str) -> bool:
    return len(url) <= 500 and url.startswith(("https://", "http://"))


def check_raci(raci: Raci) -> None:
    """People by part; whoever names some names the one who is accountable. Raises InvalidInput at `raci`."""
    unknown = set(raci) - {*Part.values, "accountable"}
    if unknown:
        raise InvalidInput("unknown_field", f"RACI has no part {sorted(unknown)[0][:40]}.", field="raci")
    accountable: Person | None = raci.get("accountable")
    others: Sequence[Person] = [person for part in Part.values for person in raci.get(part, ())]
    if others and accountable is None:
        raise InvalidInput("accountable_missing", "Exactly one person is accountable: name them.", field="raci")
    if any(not person.is_active for person in (*others, *([accountable] if accountable else []))):
        raise InvalidInput("inactive", "Somebody named here has left.", field="raci")
