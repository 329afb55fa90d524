"""What areas above tell the library: which actions a step may take, and how each is written."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.http import HttpRequest

from runbooks.library.engine.document import Action
from runbooks.models.library import Runbook

Rows = TypeVar("Rows")

# Answers what is wrong with an action, or None for a kind it does not know.
Checker = Callable[[Action], Iterable[str] | None]
_checkers: list[Checker] = []


def register_actions(checker: Checker) -> None:
    if checker not in _checkers:
        _checkers.append(checker)


def faults_of(action: Action) -> list[str]:
    """What keeps an action from being carried out, as sentences."""
    for checker in _checkers:
        found = checker(action)
        if found is not None:
            return list(found)
    return [f"There is no action “{action.kind[:60]}”."]


# Buttons a runbook's page gets from above, as (address, label).
Offer = Callable[[HttpRequest, Runbook], Iterable[tuple[str, str]]]
_offers: list[Offer] = []


def register_offer(offer: Offer) -> None:
    if offer not in _offers:
        _offers.append(offer)


def offers_for(request: HttpRequest, runbook: Runbook) -> list[tuple[str, str]]:
    return [each for offer in _offers for each in offer(request, runbook)]


# Runbooks with what an area above reads of them for pages, as an annotation.
Beside = Callable[[Any], Any]
_beside: list[Beside] = []


def register_beside(beside: Beside) -> None:
    if beside not in _beside:
        _beside.append(beside)


def with_beside(rows: Rows) -> Rows:
    for beside in _beside:
        rows = beside(rows)
    return rows
