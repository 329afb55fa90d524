"""What a rule says, as values: read from outside with every fault named at its field, and back from its version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from handoffs.engine import ladder
from handoffs.models import Rule
from handoffs.states import Reopen, StopClock
from opsportal.calendars.models import Calendar
from opsportal.calendars.queries import business_time, current_version
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.models import Person

SENTENCES = ("trigger", "target", "timer", "trace", "consequence")
QUESTIONS = {
    "trigger": "When exactly does the clock start?",
    "target": "Which metric should this influence?",
    "timer": "What is the window?",
    "trace": "What is logged at every check?",
    "consequence": "What happens when the timer runs out?",
}
MAX_GRACE_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rule says. `terms_of(rule)` with `dataclasses.replace` makes the terms of an edit."""

    calendar: Calendar
    sla_minutes: int
    trigger: str = ""
    target: str = ""
    timer: str = ""
    trace: str = ""
    consequence: str = ""
    start_on: Mapping[str, Any] | None = None
    respond_on: Mapping[str, Any] | None = None
    complete_on: Mapping[str, Any] | None = None
    stop_clock: str = StopClock.FIRST_RESPONSE
    segments: Sequence[Mapping[str, Any]] = ()
    stages: Sequence[Mapping[str, Any]] = tuple(ladder.DEFAULT_STAGES)
    default_owner: Person | None = None
    default_backup_owner: Person | None = None
    fallback_person: Person | None = None
    fallback_schedule: str = ""
    reopen: str = Reopen.NEW_CYCLE
    grace_minutes: int = 0
    grace_by_source: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


TERM_NAMES = tuple(one.name for one in fields(Terms))


def terms_of(rule: Rule) -> Terms:
    """The terms in force, ready to be changed."""
    return Terms(**{name: getattr(rule.terms, name) for name in TERM_NAMES if name != "note"})


def read_terms(terms: Terms, *, now: datetime) -> dict[str, Any]:
    """The columns of a version. Raises InvalidInputs with every fault at its field."""
    columns: dict[str, Any] = {name: getattr(terms, name) for name in TERM_NAMES}
    faults: list[InvalidInput] = []
    readers: dict[str, Any] = {
        **dict.fromkeys(SENTENCES, _read_sentence),
        **dict.fromkeys(("start_on", "respond_on", "complete_on"), ladder.read_matcher),
        "segments": lambda _, raw: ladder.read_segments(raw),
        "stages": lambda _, raw: ladder.read_stages(raw),
        "stop_clock": lambda field, raw: _read_choice(field, raw, StopClock),
        "reopen": lambda field, raw: _read_choice(field, raw, Reopen),
        "sla_minutes": _read_minutes,
        "grace_minutes": _read_grace,
        "grace_by_source": _read_graces,
        "calendar": lambda field, calendar: _read_calendar(field, calendar, now),
        "note": lambda _, raw: str(raw)[:240],
    }
    for name, read in readers.items():
        try:
            columns[name] = read(name, columns[name])
        except InvalidInputs as several:
            faults += several.errors
        except InvalidInput as fault:
            faults.append(fault)
    if faults:
        raise InvalidInputs(faults)
    return columns


def require_sentences(columns: Mapping[str, Any]) -> None:
    missing = [name for name in SENTENCES if not columns[name]]
    if missing:
        raise InvalidInputs(
            [
                InvalidInput("missing_sentence", f"{QUESTIONS[name]} Answer in one sentence.", field=name)
                for name in missing
            ]
        )


def _read_sentence(field: str, raw: Any) -> str:
    text = " ".join(str(raw).split())
    if len(text) > 240:
        raise InvalidInput("too_long", "One sentence, at most 240 characters.", field=field)
    return text


def _read_choice(field: str, raw: Any, choices: type[StopClock] | type[Reopen]) -> str:
    try:
        return str(choices(raw))
    except ValueError:
        raise InvalidInput("bad_choice", f"One of: {', '.join(choices)}.", field=field) from None


def _read_minutes(field: str, raw: Any) -> int:
    if not ladder.is_minutes(raw):
        text = f"A timer is a whole number of minutes, 1 to {ladder.MAX_SLA_MINUTES}."
        raise InvalidInput("bad_minutes", text, field=field)
    minutes: int = raw
    return minutes


def _read_grace(field: str, raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= MAX_GRACE_MINUTES:
        text = f"A grace is a whole number of minutes, 0 to {MAX_GRACE_MINUTES}."
        raise InvalidInput("bad_grace", text, field=field)
    return raw


def _read_graces(field: str, raw: Any) -> dict[str, int]:
    if not isinstance(raw, Mapping) or not all(isinstance(key, str) and len(key) <= 60 for key in raw):
        raise InvalidInput("bad_grace", "Graces are an object of source and minutes.", field=field)
    return {source: _read_grace(f"{field}.{source}", minutes) for source, minutes in raw.items()}


def _read_calendar(field: str, calendar: Calendar, now: datetime) -> Calendar:
    if business_time(current_version(calendar.slug).pk).next_opening(now) is None:
        text = f"“{calendar}” never opens again, so no timer would run out."
        raise InvalidInput("never_opens", text, field=field)
    return calendar
