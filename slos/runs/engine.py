"""What the reports of one run add up to: whatever their order and however often each comes, to the same. No database.

While a run goes on its reports are joined (the earliest start, the highest count). The report that ends it stands above
them: what it says itself counts, what it leaves out the others fill. A second, different end contradicts the first.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from slos.states import RunStatus

RUNNING = RunStatus.RUNNING.value
Seconds = Annotated[float, msgspec.Meta(ge=0, le=10**9)]


class Step(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    """One step of a run: what it is called, how it ended, how many seconds it took."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    status: Literal["running", "succeeded", "failed", "skipped", "cancelled"] = "succeeded"
    duration: Seconds | None = None


class NewRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One report about a run; also what all reports of it add up to. Instants in UTC. Only a final report may lack
    started_at: it does not know.
    """

    automation: str
    run_id: str
    status: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    occurred_at: datetime | None = None
    correlation_id: str = ""
    request_id: str = ""
    payload_bytes: int | None = None
    error_type: str = ""
    error_message: str = ""
    attempt: int = 1
    retries: int = 0
    compensated: bool = False
    interventions: int = 0
    version: str = ""
    environment: str = ""
    trigger: str = ""
    cost: Decimal | None = None
    items_out: int | None = None
    tags: Mapping[str, Any] = {}
    steps: Sequence[Step] = []
    is_adopted: bool = False  # correlation_id is that of the request: the sender did not say it

    @property
    def is_final(self) -> bool:
        return self.status != RUNNING

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from start to end, where both are known."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at) // timedelta(milliseconds=1)


# Reports of a start fill these where the final report is silent. The order is that of the bits in Run.said.
FILLED = (
    "started_at",
    "occurred_at",
    "correlation_id",
    "request_id",
    "payload_bytes",
    "version",
    "environment",
    "trigger",
    "cost",
    "items_out",
    "tags",
    "steps",
)
EARLIEST = ("started_at", "occurred_at")
HIGHEST = ("attempt", "retries", "compensated", "interventions")  # counts only ever grow
OF_THE_END = ("error_type", "error_message")
BITS = {name: 1 << place for place, name in enumerate(FILLED)}


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What is known of a run: the sum of its reports, which fields its end said itself, and the hash of its end."""

    run: NewRun
    said: int = 0
    body_hash: bytes = b""


def kept(new: NewRun) -> Kept:
    """What a first report makes known."""
    return Kept(new, said_by(new), body_hash(new)) if new.is_final else Kept(new)


def merge(known: Kept, new: NewRun) -> tuple[str, Kept]:
    """What a further report makes of what is known: `updated`, `duplicate` or `conflict`."""
    if not known.run.is_final:
        if new.is_final:
            return "updated", Kept(_above(new, said_by(new), known.run), said_by(new), body_hash(new))
        joined = _joined(known.run, new)
        return ("duplicate", known) if joined == known.run else ("updated", Kept(joined))
    if not new.is_final:  # late: at most it fills what is missing
        return "duplicate", msgspec.structs.replace(known, run=_above(known.run, known.said, new))
    return ("duplicate" if body_hash(new) == known.body_hash else "conflict"), known


def said_by(run: NewRun) -> int:
    """The bits of the fields that this report fills: 0 says something, an empty text does not."""
    said, bit = 0, 1
    for value in (
        run.started_at, run.occurred_at, run.correlation_id, run.request_id, run.payload_bytes, run.version,
        run.environment, run.trigger, run.cost, run.items_out, run.tags, run.steps,
    ):  # fmt: skip
        if value or (value is not None and value == 0):
            said |= bit
        bit <<= 1
    return said


def body_hash(run: NewRun) -> bytes:
    """32 bytes of what the sender said: absent and empty values count alike."""
    said = msgspec.structs.replace(run, correlation_id="", is_adopted=False) if run.is_adopted else run
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


_SILENCE: tuple[Any, ...] = (None, "", {}, [])


def _above(end: NewRun, said: int, start: NewRun) -> NewRun:
    """The final report with its gaps filled. A start behind the end is a wrong clock and tells nothing."""
    changes: dict[str, Any] = {name: max(getattr(end, name), getattr(start, name)) for name in HIGHEST}
    for name, bit in BITS.items():
        if not said & bit:
            changes[name] = _join(name, getattr(end, name), getattr(start, name))
    began, ended = changes.get("started_at"), end.finished_at
    if began is not None and ended is not None and began > ended:
        changes["started_at"] = end.started_at
    return msgspec.structs.replace(end, **changes)


def _joined(one: NewRun, other: NewRun) -> NewRun:
    changes = {name: _join(name, getattr(one, name), getattr(other, name)) for name in (*FILLED, *OF_THE_END)}
    changes |= {name: max(getattr(one, name), getattr(other, name)) for name in HIGHEST}
    return msgspec.structs.replace(one, **changes)


def _join(name: str, one: Any, other: Any) -> Any:
    """The one that says more; of two that say as much always the same one, whichever came first."""
    if one in _SILENCE or other in _SILENCE:
        return other if one in _SILENCE else one
    if name in EARLIEST:
        return min(one, other)
    if name in ("tags", "steps"):
        return max(one, other, key=_weight)
    return max(one, other)


def _weight(value: Any) -> tuple[int, bytes]:
    return len(value), msgspec.json.encode(value, order="sorted")
