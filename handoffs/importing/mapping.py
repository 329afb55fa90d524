"""From the columns of a log to the fields of an event: what is said with --map, else a guess by the usual names.

What no field takes becomes an attribute under its own name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from handoffs.eventlog import NewEvent
from handoffs.intake import read_event, read_line
from opsportal.errors import InvalidInput

# The usual names of columns, likeliest first: XES and pm4py, then what exports of CRMs and process tools call them.
USUAL: dict[str, tuple[str, ...]] = {
    "case_id": ("case:concept:name", "case_id", "caseid", "case id", "case", "lead_id", "lead id", "deal_id"),
    "event_name": ("concept:name", "event_name", "activity", "event", "task", "action"),
    "timestamp": ("time:timestamp", "timestamp", "occurred_at", "time", "complete timestamp", "date", "created_at"),
    "lifecycle": ("lifecycle:transition", "lifecycle", "transition"),
    "actor.id": ("org:resource", "actor_id", "actor", "resource", "user"),
    "actor.kind": ("actor_kind",),
    "channel": ("channel", "case:channel"),
    "location": ("location", "case:location"),
    "amount": ("amount", "case:amount", "amount_req", "case:amount_req"),
    "reason_code": ("reason_code", "reason"),
    "event_id": ("event_id", "identity:id", "event id", "eventid"),
    "trace_id": ("trace_id", "correlation_id"),
}
NEEDED = ("case_id", "event_name", "timestamp")
ATTRIBUTE = "attributes."
NOBODY = frozenset({"", "UNKNOWN", "unknown", "nan", "None", "null"})  # what logs write where the resource is missing


def read_mapping(said: Iterable[str]) -> dict[str, str]:
    """`COLUMN=FIELD` each; an empty field leaves the column out. Raises InvalidInput for a field that is none."""
    mapping: dict[str, str] = {}
    for one in said:
        column, equals, name = one.rpartition("=")
        name = {"actor_id": "actor.id", "actor_kind": "actor.kind"}.get(name, name)
        if not equals or not column or (name and name not in USUAL and not name.startswith(ATTRIBUTE)):
            known = ", ".join([*USUAL, f"{ATTRIBUTE}NAME"])
            raise InvalidInput("bad_mapping", f"--map {one}: say COLUMN=FIELD. The fields are {known}.")
        mapping[column] = name
    return mapping


def guess_mapping(columns: Iterable[str], said: Mapping[str, str]) -> dict[str, str]:
    """Column -> field for these columns: as said (`case:` in front may be left out), else as usual.

    Raises InvalidInput for a column that is said and not there, and where a needed field finds none.
    """
    columns = list(dict.fromkeys(columns))
    mapping = {_column(name, columns): mapped for name, mapped in said.items()}
    lower = {column.strip().lower(): column for column in reversed(columns)}
    for name, usual in USUAL.items():
        free = [lower[one] for one in usual if one in lower and lower[one] not in mapping]
        if name not in mapping.values() and free:
            mapping[free[0]] = name
    missing = [name for name in NEEDED if name not in mapping.values()]
    if missing:
        text = f"No column for {', '.join(missing)} among {', '.join(columns[:30])}. Say --map COLUMN={missing[0]}."
        raise InvalidInput("no_column", text)
    return mapping


def _column(name: str, columns: list[str]) -> str:
    for one in (name, f"case:{name}"):
        if one in columns:
            return one
    raise InvalidInput("bad_mapping", f"--map {name}=…: there is no such column among {', '.join(columns[:30])}.")


@dataclass(frozen=True, slots=True)
class Reading:
    """How the records of one file become events."""

    mapping: Mapping[str, str]
    source: str
    historical: bool = True
    timezone: tzinfo | None = None
    systems: frozenset[str] = frozenset()  # resources that are programs
    said: Mapping[str, str] = field(default_factory=dict)

    def event(self, numbered: tuple[int, Any]) -> NewEvent:
        """One record as an event. Raises InvalidInput with a code, at its field."""
        number, record = numbered
        if isinstance(record, bytes):
            return self._completed(read_line(record, source=self.said.get("source", "")), number, record)
        event = read_event(self._fields(record))
        return self._completed(event, number, b"" if event.event_id else msgspec.json.encode(record, order="sorted"))

    def _fields(self, record: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        for column, value in record.items():
            if isinstance(value, str) and "\x00" in value:
                raise InvalidInput("nul_character", "A value holds the character NUL.", field=column)
            name = self.mapping.get(column)
            if name is None:
                attributes[column] = value
            elif name.startswith(ATTRIBUTE):
                attributes[name.removeprefix(ATTRIBUTE)] = value
            elif name and value != "":
                found[name] = value if name == "amount" else str(value)
        if "timestamp" in found:
            found["timestamp"] = self._instant(found["timestamp"])
        actor = self._actor(found.pop("actor.id", ""), found.pop("actor.kind", ""))
        return {**found, "actor": actor, "attributes": attributes}

    def _actor(self, name: str, kind: str) -> dict[str, str]:
        name = "" if name in NOBODY else name
        if name in self.systems:
            kind = "system"
        return {"kind": kind.lower() or ("human" if name else "unknown"), "id": name}

    def _instant(self, text: str) -> datetime:
        try:
            instant = datetime.fromisoformat(text.strip().replace("/", "-"))
        except ValueError:
            raise InvalidInput("invalid", "This is no ISO 8601 time.", field="timestamp") from None
        if instant.tzinfo is None:
            if self.timezone is None:
                text = "This time has no offset; say --timezone."
                raise InvalidInput("naive", text, field="timestamp")
            instant = instant.replace(tzinfo=self.timezone)
        return instant

    def _completed(self, event: NewEvent, number: int, raw: bytes) -> NewEvent:
        """What a log leaves out: an identity from position and content, one trace for each case."""
        changes: dict[str, Any] = {"historical": event.historical or self.historical}
        if not event.event_id:
            changes["event_id"] = f"{number}-{hashlib.sha256(raw).hexdigest()[:24]}"
        source = event.source or self.source
        if not event.trace_id:
            changes["trace_id"] = hashlib.sha256(f"{source}\n{event.case_id}".encode()).hexdigest()[:32]
        return msgspec.structs.replace(event, source=source, **changes)
