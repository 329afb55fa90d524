"""Rows become handoffs: a handful of statements for each chunk, in the transaction of the whole batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from handoffs.csv_import.reading import Facts, HandoffRow, RowReader
from handoffs.models import Handoff, Rule
from handoffs.operations.change import Change
from handoffs.operations.ledger import Ledger
from handoffs.operations.records import build_handoff, creation_of, flag_late_arrival
from handoffs.queries.reasons import KnownReasons, fold, known_reasons
from handoffs.states import is_running
from opsportal.audit.engine import Actor
from opsportal.calendars.queries import current_version
from opsportal.identity.models import Team
from opsportal.imports.models import ImportedRow
from opsportal.imports.registry import Item
from opsportal.imports.states import RowState

SLICE = 500  # parameters of one lookup
NOT_SAID = "not said in the file"


@dataclass(slots=True)
class HandoffReader:
    """What opsportal.imports asks of handoffs: one file's rows read, told apart from what is there, written."""

    rows: RowReader

    @property
    def rule(self) -> Rule:
        return self.rows.rule

    @property
    def about(self) -> str:
        return self.rule.slug

    @property
    def team(self) -> Team | None:
        return self.rule.team

    def read(self, said: Any, extras: Any) -> Item:
        return self.rows.read(said, extras)

    def show(self, item: Item) -> list[Any]:
        new, facts = item.record.new, item.record.facts
        return [new.subject, new.external_ref, new.owner or "as the rule says", new.started_at, _in_words(facts)]

    def standing(self, items: Sequence[Item]) -> dict[int, str]:
        return _Standing(self.rule, items).find()

    def hold(self) -> None:
        """Imports into one rule come one after the other; handoffs that are opened otherwise need not wait."""
        Rule.objects.select_for_update(no_key=True).get(pk=self.rule.pk)

    def write(self, items: Sequence[Item], *, batch: int, actor: Actor, now: datetime) -> None:
        writing = Writing(self.rule, actor, now)
        for item in items:
            writing.add(item, batch)
        writing.ledger.write()


@dataclass(slots=True)
class Writing:
    """Rows on their way into a ledger."""

    rule: Rule
    actor: Actor
    now: datetime
    ledger: Ledger = field(init=False)
    calendar_version: Any = field(init=False)
    reasons: KnownReasons = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.now)
        self.calendar_version = current_version(self.rule.terms.calendar.slug)
        self.reasons = known_reasons()

    def add(self, item: Item, batch: int) -> None:
        row: HandoffRow = item.record
        handoff = build_handoff(row.new, now=self.now, calendar_version=self.calendar_version)
        handoff.pk = UUID(item.key)
        change = creation_of(handoff, actor=self.actor, now=self.now)
        change.notes[0].extra["import"] = str(batch)
        _happen(change, row.facts)
        change.settle()
        flag_late_arrival(handoff, self.now)
        if handoff.missed and row.facts.breach_reason:
            handoff.breach_reason = self._reason(row.facts.breach_reason)
        self.ledger.open(change)

    def _reason(self, text: str) -> str:
        listed = self.reasons.find(text)
        return text if listed is None or fold(listed.label) == fold(text) else listed.label


def _happen(change: Change, facts: Facts) -> None:
    """The facts of the row on a record that has just been built."""
    handoff = change.handoff
    if facts.assigned_at or handoff.historical:
        handoff.assigned_at = facts.assigned_at
    handoff.state, handoff.outcome = facts.state, facts.outcome
    handoff.first_response_at, handoff.completed_at = facts.first_response_at, facts.completed_at
    stops = [at for at in (facts.first_response_at, facts.completed_at, facts.cancelled_at) if at]
    handoff.clock_skew = handoff.clock_skew or any(at > change.now or at < handoff.started_at for at in stops)
    if facts.first_response_at:
        handoff.responder_kind, handoff.responder_unknown = "unknown", True
        change.note("responded", occurred_at=facts.first_response_at, responder="Somebody")
    if facts.completed_at:
        change.note("completed", occurred_at=facts.completed_at)
    if facts.cancelled_at:
        handoff.cancelled_at, handoff.cancel_reason = facts.cancelled_at, facts.cancel_reason or NOT_SAID
        change.note("cancelled", occurred_at=facts.cancelled_at, reason=handoff.cancel_reason)


def _in_words(facts: Facts) -> str:
    return f"{facts.state}, {facts.outcome}" if facts.outcome else str(facts.state)


@dataclass(slots=True)
class _Standing:
    """Which of these rows are there already: by the id they give, by reference and start, by subject and start, by
    running under the same reference, or as a row that was imported before.
    """

    rule: Rule
    items: Sequence[Item]
    found: dict[int, str] = field(default_factory=dict)

    def find(self) -> dict[int, str]:
        self._match("pk", {at: row.handoff for at, row in self._rows() if row.handoff}, lambda one: (one[0],))
        refs = {at: row.new.external_ref for at, row in self._rows() if row.new.external_ref}
        self._match("external_ref", refs, lambda one: (one[1], one[2]), self._reference)
        self._match("external_ref", refs, lambda one: (one[1],) if is_running(one[4], one[5]) else None, self._running)
        starts = {at: row.new.started_at for at, row in self._rows() if row.new.started_at and at not in refs}
        self._match("started_at", starts, lambda one: (one[3], one[2]) if not one[1] else None, self._unnamed)
        self._imported()
        return self.found

    def _rows(self) -> Iterator[tuple[int, HandoffRow]]:
        return ((at, item.record) for at, item in enumerate(self.items))

    def _match(self, name: str, wanted: dict[int, Any], key_of: Any, ask: Any = None) -> None:
        """Handoffs of the rule whose `name` is wanted, by a key; each row asks for its own."""
        values = list(set(wanted.values()))
        known: dict[Any, str] = {}
        columns = ("pk", "external_ref", "started_at", "subject", "state", "stop_clock")
        for at in range(0, len(values), SLICE):
            rows = Handoff.objects.filter(rule=self.rule, **{f"{name}__in": values[at : at + SLICE]}).order_by()
            known.update((key_of(one), str(one[0])) for one in rows.values_list(*columns))
        for at, value in wanted.items():
            key = ask(self.items[at]) if ask else (value,)
            if key is not None and key in known:
                self.found.setdefault(at, known[key])

    def _reference(self, item: Item) -> tuple[Any, ...]:
        return item.record.new.external_ref, item.record.new.started_at

    def _running(self, item: Item) -> tuple[Any, ...] | None:
        return (item.record.new.external_ref,) if item.clash else None

    def _unnamed(self, item: Item) -> tuple[Any, ...]:
        return item.record.new.subject, item.record.new.started_at

    def _imported(self) -> None:
        places = {item.identity: at for at, item in enumerate(self.items) if at not in self.found}
        identities = list(places)
        for at in range(0, len(identities), SLICE):
            rows = ImportedRow.objects.filter(
                identity__in=identities[at : at + SLICE], state__in=[RowState.CREATED, RowState.KEPT]
            )
            for identity, key in rows.values_list("identity", "key"):
                self.found[places[bytes(identity or b"")]] = key
