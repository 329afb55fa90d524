"""One row of a file as a handoff to be: values checked at their fields, facts checked against each other."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from handoffs.engine.ladder import MAX_SLA_MINUTES, choose_minutes
from handoffs.models import Rule
from handoffs.operations import NewHandoff
from handoffs.states import HandoffState, is_running
from handoffs.timers import SKEW
from opsportal import ids, trace
from opsportal.api import parsers
from opsportal.api.errors import Malformed
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.models import Person
from opsportal.imports import cells
from opsportal.imports.registry import Item

T = TypeVar("T")

SOURCE = "csv"
LENGTHS = {
    "subject": 200,
    "external_ref": 200,
    "channel": 60,
    "icp": 60,
    "outcome": 60,
    "cancel_reason": 240,
    "breach_reason": 120,
    "source": 60,
    "url": 500,
    "trace_id": 64,
}
INSTANTS = ("started_at", "assigned_at", "first_response_at", "completed_at", "cancelled_at")
STOPS = ("first_response_at", "completed_at", "cancelled_at")
MAX_NAME, MAX_VALUE = 60, 2_000  # of an attribute
is_url = URLValidator(schemes=["http", "https"])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is already known to have happened to a record that is brought in."""

    assigned_at: datetime | None = None
    first_response_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    outcome: str = ""
    breach_reason: str = ""

    @property
    def state(self) -> HandoffState:
        if self.cancelled_at:
            return HandoffState.CANCELLED
        if self.completed_at:
            return HandoffState.COMPLETED
        return HandoffState.RESPONDED if self.first_response_at else HandoffState.OPEN


@dataclass(frozen=True, slots=True)
class HandoffRow:
    """`handoff`: the id the row says the record has here, as an export of this portal does."""

    new: NewHandoff
    facts: Facts
    handoff: UUID | None = None


@dataclass(slots=True)
class Directory:
    """Everybody, by user name, address and name: CRMs export one of them, and rarely the same."""

    by_word: dict[str, list[Person]] = field(default_factory=dict)

    @classmethod
    def of_everybody(cls) -> "Directory":
        found = cls()
        for person in Person.objects.all():
            for word in {person.username.casefold(), person.email.casefold(), person.name.casefold()} - {""}:
                found.by_word.setdefault(word, []).append(person)
        return found

    def find(self, text: str) -> Person:
        people = self.by_word.get(text.casefold(), [])
        exact = [one for one in people if one.username == text]
        if not people:
            raise InvalidInput("unknown_person", f"Nobody here is called “{text[:60]}”.")
        if len(people) > 1 and not exact:
            raise InvalidInput("ambiguous_person", "Several people are called that. Give the user name.")
        person = (exact or people)[0]
        if not person.is_active:
            raise InvalidInput("inactive_person", f"{person} no longer works here.")
        return person


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows under one rule. Times without an offset are wall-clock times of `zone`."""

    rule: Rule
    live: bool
    zone: tzinfo
    dates: str
    now: datetime
    directory: Directory

    def read(self, said: Mapping[str, str], extras: Mapping[str, str]) -> Item:
        """Raises InvalidInputs: everything that is wrong with the row, each at its field."""
        row = _Cells(said)
        values: dict[str, Any] = {name: row.take(name, str) or "" for name in LENGTHS}
        for name in INSTANTS:
            values[name] = row.take(name, self._instant)
        if values["started_at"]:  # a clock starts at the second it starts in
            values["started_at"] = values["started_at"].replace(microsecond=0)
        for name in ("owner", "backup_owner"):
            values[name] = row.take(name, self.directory.find)
        values["amount"] = row.take("amount", cells.amount)
        values["sla_minutes"] = row.take("sla_minutes", lambda text: cells.whole(text, least=1, most=MAX_SLA_MINUTES))
        values["attributes"] = (row.take("attributes", _attributes) or {}) | _named(extras)
        row.take("url", _check_url)
        row.take("trace_id", _check_trace)
        row.take("rule", self._check_rule)
        handoff = row.take("handoff", _uuid)
        self._check(row, values)
        row.refuse()
        return self._item(values, handoff, said, extras)

    def _item(
        self, values: dict[str, Any], handoff: UUID | None, said: Mapping[str, str], extras: Mapping[str, str]
    ) -> Item:
        facts = Facts(**{name: values[name] for name in Facts.__dataclass_fields__})
        names = (
            "subject", "external_ref", "owner", "backup_owner", "started_at", "channel", "icp", "amount", "url",
            "attributes", "trace_id",
        )  # fmt: skip
        new = NewHandoff(
            rule=self.rule,
            source=values["source"] or SOURCE,
            sla_minutes=self._own_minutes(values),
            historical=not self.live,
            **{name: values[name] for name in names},
        )
        runs = is_running(facts.state, self.rule.terms.stop_clock)
        return Item(
            key=str(ids.new_id()),
            label=new.subject,
            identity=_identity(new, {} if new.started_at else {**said, **extras}),
            record=HandoffRow(new, facts, handoff),
            clash=f"runs {new.external_ref}" if runs and new.external_ref else "",
        )

    def _instant(self, text: str) -> datetime:
        found = cells.instant(text, self.zone, self.dates)
        if found > self.now + SKEW:
            raise InvalidInput("in_the_future", "This lies in the future.")
        return found

    def _own_minutes(self, values: Mapping[str, Any]) -> int | None:
        """A timer of the record's own: not the one its rule gives it anyway."""
        terms, said = self.rule.terms, values["sla_minutes"]
        usual = choose_minutes(terms.segments, terms.sla_minutes, channel=values["channel"], icp=values["icp"])
        return None if said == usual else said

    def _check_rule(self, text: str) -> None:
        if text.casefold() not in (self.rule.slug.casefold(), self.rule.name.casefold()):
            raise InvalidInput("other_rule", f"This row belongs to another rule than “{self.rule.name}”.")

    def _check(self, row: "_Cells", values: Mapping[str, Any]) -> None:
        """What one cell alone does not tell."""
        start = values["started_at"]
        if not values["subject"]:
            row.fault("subject", "required", "The row says nothing here.")
        if start is None and not self.live:
            row.fault("started_at", "required", "History needs the time at which it started.")
        for name in STOPS:
            at = values[name]
            if at is not None and start is not None and at < start - SKEW:
                row.fault(name, "before_start", "This lies before the start.")
        if values["completed_at"] and values["cancelled_at"]:
            row.fault("cancelled_at", "completed_and_cancelled", "A record is completed or cancelled, never both.")
        if values["cancel_reason"] and not values["cancelled_at"]:
            row.fault("cancel_reason", "not_cancelled", "There is a reason, and no time at which it was cancelled.")


@dataclass(slots=True)
class _Cells:
    """The cells of one row; what is wrong with them is gathered and told at once."""

    said: Mapping[str, str]
    errors: list[InvalidInput] = field(default_factory=list)

    def take(self, name: str, convert: Callable[[str], T]) -> T | None:
        text = self.said.get(name)
        if text is None:
            return None
        if len(text) > LENGTHS.get(name, len(text)):
            if not any(one.field == name for one in self.errors):
                self.fault(name, "max_length", f"At most {LENGTHS[name]} characters.")
            return None
        try:
            return convert(text)
        except InvalidInput as error:
            self.fault(name, error.code, error.message)
        return None

    def fault(self, name: str, code: str, message: str) -> None:
        if not any(one.field == name for one in self.errors):
            self.errors.append(InvalidInput(code, message, field=name))

    def refuse(self) -> None:
        if self.errors:
            raise InvalidInputs(self.errors)


def _identity(new: NewHandoff, whole_row: Mapping[str, str]) -> bytes:
    """What makes it the same row in another file: its reference and start, without a reference its subject and start,
    without a start everything it says.
    """
    start = new.started_at.isoformat() if new.started_at else ""
    said = [new.rule.slug, new.external_ref, "" if new.external_ref else new.subject, start, whole_row]
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


def _attributes(text: str) -> dict[str, Any]:
    try:
        found = parsers.loads(text.encode())
    except Malformed as error:
        raise InvalidInput("invalid", f"This is no JSON: {error.detail}") from None
    if not isinstance(found, dict):
        raise InvalidInput("wrong_type", "Attributes are a JSON object.")
    return found


def _named(extras: Mapping[str, str]) -> dict[str, str]:
    return {name[:MAX_NAME]: text[:MAX_VALUE] for name, text in extras.items()}


def _check_url(text: str) -> None:
    try:
        is_url(text)
    except ValidationError:
        raise InvalidInput("invalid", "This is no address of a web page.") from None


def _check_trace(text: str) -> None:
    if not trace.is_valid(text):
        raise InvalidInput("invalid", "This is no trace id.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("invalid", "This is no id of a handoff.") from None
