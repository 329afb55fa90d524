"""The vocabulary of a budget policy: what a rule may look at and what may follow. Pure; rules are plain data.

A rule is a dict: {slug, when, …figures of `when`…, then, …terms of `then`…}. Figures are decimals written as strings.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from opsportal.errors import InvalidInput

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?")
MAX_RULES = 20


class When(StrEnum):
    """What a rule looks at."""

    BURN_DAYS = "burn_days"
    POOLED_BURN = "pooled_burn"
    HEALTHY_WEEKS = "healthy_weeks"
    DOWNTIME_BUDGET = "downtime_budget"


class Then(StrEnum):
    """What follows."""

    FREEZE = "freeze"
    REVIEW = "review"
    EXPERIMENT = "experiment"


class Verdict(StrEnum):
    """What a rule says of an SLO on a day."""

    FREEZE = "freeze"
    REVIEW = "review"
    EXPERIMENT_ALLOWED = "experiment_allowed"
    NONE = "none"
    # Not a rule's own: a freeze that ran is over.
    FREEZE_ENDED = "freeze_ended"


VERDICT_OF = {
    Then.FREEZE: Verdict.FREEZE,
    Then.REVIEW: Verdict.REVIEW,
    Then.EXPERIMENT: Verdict.EXPERIMENT_ALLOWED,
}
SCOPES = ("all", "team", "automation")

# What each word needs: name -> (kind of figure, default). None: it has to be said.
FIGURES: Mapping[When, Mapping[str, tuple[str, Any]]] = {
    When.BURN_DAYS: {"above": ("number", None), "days": ("count", None)},
    When.POOLED_BURN: {"above": ("number", None), "days": ("count", None)},
    When.HEALTHY_WEEKS: {"below": ("number", None), "weeks": ("count", None)},
    When.DOWNTIME_BUDGET: {"unit": ("unit", "quarter")},
}
TERMS: Mapping[Then, Mapping[str, tuple[str, Any]]] = {
    Then.FREEZE: {
        "scope": ("scope", "team"),
        "exit_below": ("number", "1"),
        "exit_days": ("count", 3),
        "exit_remaining": ("number", "0.1"),
        "expires_days": ("count", 30),
    },
    Then.REVIEW: {},
    Then.EXPERIMENT: {},
}
FITS: Mapping[When, frozenset[Then]] = {
    When.BURN_DAYS: frozenset({Then.FREEZE, Then.REVIEW}),
    When.POOLED_BURN: frozenset({Then.FREEZE, Then.REVIEW}),
    When.HEALTHY_WEEKS: frozenset({Then.EXPERIMENT}),
    When.DOWNTIME_BUDGET: frozenset({Then.FREEZE, Then.REVIEW}),
}
NUMBERS = ("above", "below", "exit_below", "exit_remaining")
OTHERS = ("days", "weeks", "unit", "scope", "exit_days", "expires_days")
MOST = {"days": 60, "weeks": 26, "exit_days": 30, "expires_days": 366}
UNITS = ("month", "quarter", "year")

# The policy as it is published: "the math decides".
PUBLISHED: list[dict[str, Any]] = [
    {"slug": "burn-three-days", "when": "burn_days", "above": "2", "days": 3, "then": "freeze"},
    {"slug": "burn-in-a-week", "when": "pooled_burn", "above": "4", "days": 7, "then": "review"},
    {"slug": "six-healthy-weeks", "when": "healthy_weeks", "below": "1", "weeks": 6, "then": "experiment"},
    {"slug": "quarter-exhausted", "when": "downtime_budget", "unit": "quarter", "then": "freeze"},
]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine reads it. Which figures mean something follows from `when` and `then`."""

    slug: str
    when: When
    then: Then
    above: Fraction = Fraction(0)
    below: Fraction = Fraction(0)
    days: int = 0
    weeks: int = 0
    unit: str = "quarter"
    scope: str = "team"
    exit_below: Fraction = Fraction(1)
    exit_days: int = 3
    exit_remaining: Fraction = Fraction(1, 10)
    expires_days: int = 30

    @property
    def verdict(self) -> Verdict:
        return VERDICT_OF[self.then]


def read_rules(rules: Any) -> list[dict[str, Any]]:
    """The rules with their defaults written out. Raises InvalidInput `bad_rule` with the place in the message."""
    if not isinstance(rules, list) or not 1 <= len(rules) <= MAX_RULES:
        raise _bad(f"A policy has between 1 and {MAX_RULES} rules.")
    read = [_read(number, rule) for number, rule in enumerate(rules, 1)]
    slugs = [rule["slug"] for rule in read]
    if len(set(slugs)) < len(slugs):
        raise _bad("Two rules have the same slug.")
    return read


def rule_of(data: Mapping[str, Any]) -> Rule:
    """A rule as `read_rules` wrote it, as a value."""
    figures: dict[str, Any] = {name: Fraction(data[name]) for name in NUMBERS if name in data}
    figures |= {name: data[name] for name in OTHERS if name in data}
    return Rule(data["slug"], When(data["when"]), Then(data["then"]), **figures)


def rules_of(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    return [rule_of(rule) for rule in rules]


def _read(number: int, rule: Any) -> dict[str, Any]:
    if not isinstance(rule, dict):
        raise _bad(f"Rule {number} is no object.")
    slug, when, then = rule.get("slug"), rule.get("when"), rule.get("then")
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        raise _bad(f"Rule {number} needs a slug of lower-case letters, digits and hyphens.")
    if when not in list(When):
        raise _bad(f"Rule {slug}: `when` is one of {', '.join(When)}.")
    if then not in FITS[When(when)]:
        raise _bad(f"Rule {slug}: `then` is one of {', '.join(sorted(FITS[When(when)]))} after {when}.")
    wanted = {**FIGURES[When(when)], **TERMS[Then(then)]}
    if unknown := sorted(set(rule) - set(wanted) - {"slug", "when", "then"}):
        raise _bad(f"Rule {slug}: {', '.join(map(str, unknown))[:80]} means nothing here.")
    figures = {name: _figure(slug, name, rule.get(name, default), kind) for name, (kind, default) in wanted.items()}
    return {"slug": slug, "when": str(when), **figures, "then": str(then)}


def _figure(slug: str, name: str, value: Any, kind: str) -> Any:
    """One figure in its one spelling."""
    if kind == "count":
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST[name]:
            raise _bad(f"Rule {slug}: {name} is a whole number from 1 to {MOST[name]}.")
        return value
    if kind == "number":
        is_number = isinstance(value, str) and NUMBER.fullmatch(value)
        if not is_number or (name != "exit_remaining" and not Fraction(value)):
            raise _bad(f'Rule {slug}: {name} is a decimal above 0, written as a string such as "2" or "1.5".')
        return value
    choices = UNITS if kind == "unit" else SCOPES
    if value not in choices:
        raise _bad(f"Rule {slug}: {name} is one of {', '.join(choices)}.")
    return value


def _bad(message: str) -> InvalidInput:
    return InvalidInput("bad_rule", message, field="rules")
