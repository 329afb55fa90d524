"""One row of a file as an automation to be: every value checked at its field."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from opsportal.catalog.models import Automation, Maturity, Pattern, Platform, Tier, Trigger
from opsportal.catalog.operations.checking import TEXTS, check
from opsportal.catalog.operations.workflows import slug_of
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.models import Person, Team
from opsportal.imports import cells
from opsportal.imports.registry import Item

T = TypeVar("T")

PEOPLE = ("owner", "backup_owner", "accountable", "cost_owner")
CHOICES = {"tier": Tier, "platform": Platform, "trigger": Trigger, "pattern": Pattern, "maturity": Maturity}
MARK = "~"  # in no slug
LINKS = {"grafana": "Panels", "runbook": "Runbook", "repository": "Repository"}


@dataclass(frozen=True, slots=True)
class RowReader:
    """`people` and `teams` by every word they go by, in lower case."""

    people: Mapping[str, list[Person]]
    teams: Mapping[str, Team]
    now: datetime
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def read(self, said: Mapping[str, str], extras: Mapping[str, str]) -> Item:
        """Raises InvalidInputs: everything that is wrong with the row, each at its field."""
        row = _Cells(said)
        values: dict[str, Any] = {name: said[name] for name in ("name", "currency", *TEXTS) if said.get(name)}
        slug = said.get("slug") or slug_of(said.get("name", ""))
        found: dict[str, Any] = {"team": row.take("team", self._team)}
        found |= {name: row.take(name, self._person) for name in PEOPLE}
        found |= {name: row.take(name, _chooser(choices)) for name, choices in CHOICES.items()}
        found |= {name: row.take(name, cells.amount) for name in ("cost_per_month", "cost_budget")}
        found["journeys"] = row.take("journeys", _split)
        values |= {name: value for name, value in found.items() if value is not None}
        values["links"] = [
            {"label": label, "url": said[kind], "kind": kind} for kind, label in LINKS.items() if said.get(kind)
        ]
        accountable = values.pop("accountable", None)
        row.judge(slug, values, self.now)
        if accountable:
            values["raci"] = {"accountable": accountable}
        return Item(
            key=f"{slug}{MARK}{next(self.numbers):x}",  # two rows of one slug are two items of different keys
            label=str(values.get("name", slug)),
            identity=hashlib.sha256(slug.encode()).digest(),
            record=values,
            clash=slug,
        )

    def _person(self, text: str) -> Person:
        found = self.people.get(text.casefold(), [])
        if not found:
            raise InvalidInput("unknown_person", f"Nobody here is called “{text[:60]}”.")
        exact = [one for one in found if one.username == text]
        if len(found) > 1 and not exact:
            raise InvalidInput("ambiguous_person", "Several people are called that. Give the user name.")
        return (exact or found)[0]

    def _team(self, text: str) -> Team:
        if text.casefold() not in self.teams:
            raise InvalidInput("unknown_team", f"There is no team “{text[:60]}”.")
        return self.teams[text.casefold()]


@dataclass(slots=True)
class _Cells:
    """The cells of one row; what is wrong with them is gathered and told at once."""

    said: Mapping[str, str]
    errors: list[InvalidInput] = field(default_factory=list)

    def take(self, name: str, convert: Callable[[str], T]) -> T | None:
        text = self.said.get(name)
        if not text:
            return None
        try:
            return convert(text)
        except InvalidInput as error:
            self.errors.append(InvalidInput(error.code, error.message, field=name))
        return None

    def judge(self, slug: str, values: Mapping[str, Any], now: datetime) -> None:
        """What the automation itself would refuse, told with what the cells were."""
        automation = Automation(slug=slug, created_at=now, updated_at=now, **values)
        try:
            check(automation)
        except InvalidInputs as refused:
            at = {each.field for each in self.errors}
            self.errors += [each for each in refused.errors if each.field not in at]
        if self.errors:
            raise InvalidInputs(self.errors)


def slug_at(key: str) -> str:
    """The slug of an item's key, or of a key that is a slug."""
    return key.partition(MARK)[0]


def _chooser(choices: Any) -> Callable[[str], str]:
    """A choice by its value or by what it is called on the page."""
    known = {str(value).casefold(): value for value in choices.values}
    known |= {str(label).partition(" (")[0].casefold(): value for value, label in choices.choices}

    def choose(text: str) -> str:
        if text.casefold() not in known:
            raise InvalidInput("invalid", f"One of {', '.join(choices.values)}.")
        return str(known[text.casefold()])

    return choose


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]
