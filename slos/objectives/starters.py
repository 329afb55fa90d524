"""Objectives to start from: five journeys, each with an SLI of the availability kind, one of the latency kind, and one
that counts downtime, which the budget of a quarter is made of.

Figures are those of the playbook where it has any; `is_ours` marks a target that it leaves open.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from slos.objectives.document import Document

WEEK = {"kind": "calendar", "unit": "week", "timezone": "UTC"}
QUARTER = {"kind": "calendar", "unit": "quarter", "timezone": "UTC"}
FOUR_WEEKS = {"kind": "rolling", "days": 28}
MINUTE, HOUR = 60, 3_600


@dataclass(frozen=True, slots=True)
class Starter:
    """One objective of a journey. `terms` as a document, without what follows from the automation; `may_read_rule`: a
    handoff rule with a timer for each severity can judge it instead.
    """

    suffix: str
    name: str
    description: str
    terms: dict[str, Any]
    is_ours: bool = False
    may_read_rule: bool = False


@dataclass(frozen=True, slots=True)
class Journey:
    """What customers or colleagues wait for from end to end."""

    slug: str
    name: str
    tier: str
    starters: tuple[Starter, ...] = field(default=())


def _events(kind: str, target: str, seconds: int | None = None) -> dict[str, Any]:
    terms: dict[str, Any] = {"kind": kind, "method": "occurrences", "target": target, "window": FOUR_WEEKS}
    return terms | ({"threshold_seconds": seconds} if seconds else {})


def _downtime(name: str, failures: int) -> Starter:
    """The minutes a quarter that every critical workflow is tracked by, beside what counts events."""
    return Starter(
        "downtime",
        f"{name} downtime",
        "99.5% of each quarter, which leaves about 11 hours. Down while its heartbeat is missed, and from "
        f"{failures} failures in a row until the next success.",
        {
            "kind": "availability",
            "method": "downtime",
            "target": "99.5",
            "window": QUARTER,
            "violation": {"consecutive_failures": failures},
        },
        is_ours=True,
    )


JOURNEYS = (
    Journey(
        "lead-router",
        "Lead to first conversation",
        "P0",
        (
            Starter(
                "availability",
                "Lead Router availability",
                "99.5% of each week, which leaves 50.4 minutes. Violated while a run takes longer than 10 minutes, and "
                "when two runs fail in a row.",
                {
                    "kind": "availability",
                    "method": "downtime",
                    "target": "99.5",
                    "window": WEEK,
                    "violation": {"max_run_seconds": 10 * MINUTE, "consecutive_failures": 2},
                },
            ),
            Starter(
                "latency",
                "Lead Router latency",
                "A lead that waits longer than 10 minutes is called by somebody else.",
                _events("latency", "99", 10 * MINUTE),
                is_ours=True,
            ),
        ),
    ),
    Journey(
        "lifecycle-nurture",
        "Trigger to e-mail",
        "P1",
        (
            Starter(
                "availability",
                "Lifecycle Nurture availability",
                "E-mails that are due are sent.",
                _events("availability", "99.5"),
                is_ours=True,
            ),
            Starter(
                "latency",
                "Lifecycle Nurture latency",
                "A run takes less than 3 minutes.",
                _events("latency", "95", 3 * MINUTE),
                is_ours=True,
            ),
            Starter(
                "sent",
                "Lifecycle Nurture sent in time",
                "95% of e-mails are sent within 15 minutes of their trigger: a run counts from when its trigger "
                "happened, or from its start.",
                _events("freshness", "95", 15 * MINUTE),
            ),
            _downtime("Lifecycle Nurture", 2),
        ),
    ),
    Journey(
        "deal-sync",
        "Pipeline update to CRM",
        "P0",
        (
            Starter(
                "availability",
                "Deal Sync availability",
                "Updates of the pipeline arrive in the CRM.",
                _events("availability", "99.5"),
                is_ours=True,
            ),
            Starter(
                "freshness",
                "Deal Sync freshness",
                "99% of pipeline updates are in the CRM within 5 minutes.",
                _events("freshness", "99", 5 * MINUTE),
            ),
            _downtime("Deal Sync", 2),
        ),
    ),
    Journey(
        "order-to-ship",
        "Order to shipment",
        "P1",
        (
            Starter(
                "availability",
                "Orders shipped",
                "99.5% of valid orders are shipped, over 28 days.",
                _events("availability", "99.5"),
            ),
            Starter(
                "latency",
                "Orders shipped within a day",
                "Orders leave within 24 hours.",
                _events("latency", "95", 24 * HOUR),
                is_ours=True,
            ),
            _downtime("Order to shipment", 3),
        ),
    ),
    Journey(
        "ticket-to-resolution",
        "Ticket to resolution",
        "P1",
        (
            Starter(
                "availability",
                "Tickets resolved for good",
                "Tickets are resolved without being reopened. Report one when it can no longer be reopened: as failed "
                "where it was, for a run that ended cannot end otherwise later.",
                _events("availability", "95"),
                is_ours=True,
            ),
            Starter(
                "latency",
                "Tickets resolved in time",
                "Tickets are resolved within the timer of their severity, where a handoff rule has one for each; else "
                "within two days.",
                _events("latency", "95", 48 * HOUR),
                is_ours=True,
                may_read_rule=True,
            ),
            _downtime("Ticket to resolution", 3),
        ),
    ),
)


def get_journey(slug: str) -> Journey | None:
    return next((one for one in JOURNEYS if one.slug == slug), None)


def documents(journey: Journey, *, automation: str = "", rule: str = "") -> Iterator[Document]:
    """The journey's objectives for an automation of that slug (default: the journey's own). With the slug of a handoff
    rule, tickets are judged by its timers.
    """
    about = automation or journey.slug
    for one in journey.starters:
        terms = dict(one.terms)
        if rule and one.may_read_rule:
            terms = {**_events("hit_rate", "95"), "rule": rule}
        yield {
            "slug": f"{about}-{one.suffix}",
            "name": one.name,
            "description": one.description,
            "automation": about,
            **terms,
        }
