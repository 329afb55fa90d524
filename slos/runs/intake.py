"""Runs as they come from outside: one declared schema for their shape, whatever carries them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from opsportal import trace
from opsportal.api.lines import read_shape, shaped
from opsportal.errors import InvalidInput
from opsportal.outbound.masking import MASK, mask
from slos.runs.engine import RUNNING, NewRun, Seconds, Step

Slug = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text200 = Annotated[str, msgspec.Meta(max_length=200)]
Text120 = Annotated[str, msgspec.Meta(max_length=120)]
Text64 = Annotated[str, msgspec.Meta(max_length=64)]
Text60 = Annotated[str, msgspec.Meta(max_length=60)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Size = Annotated[int, msgspec.Meta(ge=0, le=10**15)]

MAX_MESSAGE, MAX_MESSAGE_IN = 2_000, 20_000
MAX_COST = Decimal(10) ** 8
MAX_TAGS, MAX_STEPS = 20, 100
# What a sender's rounding may make of a duration beside its own two instants.
TOLERANCE = timedelta(seconds=1)
KEYED = re.compile(
    r"(?i)\b(pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|authorization|cookie|session(?:_?id)?)"
    r"(\"?'?\s*[:=]\s*)(?!\s*(?:bearer|basic)\b)(\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
)


class StepLine(Step, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True, gc=False):
    """One step as a line writes it."""


class RunLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True, gc=False):
    """One report about a run as the API writes it."""

    automation: Slug
    run_id: Name
    status: Literal["running", "succeeded", "failed", "cancelled"]
    started_at: Instant | None = None
    finished_at: Instant | None = None
    duration: Seconds | None = None
    occurred_at: Instant | None = None
    correlation_id: Text64 = ""
    trace_id: Text64 = ""
    request_id: Text200 = ""
    payload_bytes: Size | None = None
    error_type: Text120 = ""
    error_message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_IN)] = ""
    attempt: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 1
    retries: Count = 0
    compensated: bool = False
    interventions: Count = 0
    version: Text60 = ""
    environment: Text60 = ""
    trigger: Literal["", "event", "schedule", "human", "api"] = ""
    cost: Decimal | None = None
    items_out: Size | None = None
    tags: Annotated[dict[Text60, Text200 | int | float | bool | None], msgspec.Meta(max_length=MAX_TAGS)] = {}
    steps: Annotated[list[StepLine], msgspec.Meta(max_length=MAX_STEPS)] = []


DECODER = msgspec.json.Decoder(RunLine)


def read_line(raw: bytes) -> NewRun:
    """One report in one line of JSON. Raises InvalidInput with a code, and at the field where there is one."""
    return new_run(read_shape(raw, DECODER))


def read_run(raw: Any) -> NewRun:
    """One report of the API's shape, read by a strict parser. Raises InvalidInput with a code, at its field."""
    return new_run(shaped(raw, RunLine))


def new_run(line: RunLine) -> NewRun:
    """What the schema alone cannot say: times that agree, names that are some, trace ids; secrets are masked here."""
    run_id = line.run_id.strip()
    if not run_id:
        raise InvalidInput("blank", "This says nothing.", field="run_id")
    started_at, finished_at = _span(line)
    return NewRun(
        automation=line.automation,
        run_id=run_id,
        status=line.status,
        started_at=started_at,
        finished_at=finished_at,
        occurred_at=_utc(line.occurred_at, "occurred_at") if line.occurred_at else None,
        correlation_id=_correlation_id(line),
        request_id=line.request_id,
        payload_bytes=line.payload_bytes,
        error_type=mask(line.error_type)[:120] if line.error_type else "",
        error_message=masked(line.error_message) if line.error_message else "",
        attempt=line.attempt,
        retries=line.retries,
        compensated=line.compensated,
        interventions=line.interventions,
        version=line.version,
        environment=line.environment,
        trigger=line.trigger,
        cost=None if line.cost is None else _cost(line.cost),
        items_out=line.items_out,
        tags=_tags(line.tags) if line.tags else {},
        steps=[Step(name=one.name, status=one.status, duration=one.duration) for one in line.steps],
    )


def masked(message: str) -> str:
    """What a platform says of an error, without addresses, telephone numbers, tokens and passwords."""
    text = mask(KEYED.sub(rf"\1\2{MASK}", message))
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


# --- times ---


def _span(line: RunLine) -> tuple[datetime | None, datetime | None]:
    """Start and end: of start, end and duration two give the third. All three must agree within a second."""
    started_at = _utc(line.started_at, "started_at") if line.started_at else None
    finished_at = _utc(line.finished_at, "finished_at") if line.finished_at else None
    if line.status == RUNNING:
        if finished_at is not None:
            raise InvalidInput("contradiction", "A run that is running has no end.", field="finished_at")
        if started_at is None:
            raise InvalidInput("required", "A run that is running says since when.", field="started_at")
        return started_at, None
    if line.duration is not None:
        started_at, finished_at = _with_duration(started_at, finished_at, timedelta(seconds=line.duration))
    if finished_at is None:
        sentence = "A run that is over says when it ended, or when it started and how long it took."
        raise InvalidInput("required", sentence, field="finished_at")
    if started_at is not None and started_at > finished_at:
        raise InvalidInput("ends_before_start", "This run ends before it starts.", field="finished_at")
    return started_at, finished_at


def _with_duration(
    started_at: datetime | None, finished_at: datetime | None, duration: timedelta
) -> tuple[datetime | None, datetime | None]:
    try:
        if started_at is None:
            return (finished_at and finished_at - duration), finished_at
        if finished_at is None:
            return started_at, started_at + duration
    except OverflowError:
        raise InvalidInput("overflow", "There is no such time.", field="duration") from None
    if abs(finished_at - started_at - duration) > TOLERANCE:
        sentence = "Start, end and duration contradict each other by more than a second."
        raise InvalidInput("contradiction", sentence, field="duration")
    return started_at, finished_at


def _utc(instant: datetime, field: str) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # year 1 or 9999, at the other end of the world
        raise InvalidInput("overflow", "There is no such time in UTC.", field=field) from None


# --- values ---


def _correlation_id(line: RunLine) -> str:
    """`trace_id` is another name for it, as everywhere in the API."""
    if line.correlation_id and not trace.is_valid(line.correlation_id):
        raise InvalidInput("invalid", "This is no trace id.", field="correlation_id")
    if line.trace_id and not trace.is_valid(line.trace_id):
        raise InvalidInput("invalid", "This is no trace id.", field="trace_id")
    if line.correlation_id and line.trace_id and line.correlation_id != line.trace_id:
        raise InvalidInput("contradiction", "Both names of one id, and they differ.", field="trace_id")
    return line.correlation_id or line.trace_id


def _tags(tags: dict[str, Any]) -> dict[str, Any]:
    return {name: mask(value) if isinstance(value, str) else value for name, value in tags.items()}


def _cost(cost: Decimal) -> Decimal:
    if not cost.is_finite() or not 0 <= cost < MAX_COST:
        raise InvalidInput("out_of_range", "A cost is a number from 0 to 99,999,999.", field="cost")
    return round(cost, 6)
