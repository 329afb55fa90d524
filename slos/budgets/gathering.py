"""The inputs of a judgement, gathered for many SLOs at once, and how they are kept at the watermark."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from slos.budgets import terms
from slos.budgets.engine import BURN_WINDOWS, Budget, Case, Tally, Window, judge, window_before, window_of
from slos.budgets.engine.budgets import burn_of, median
from slos.budgets.knowledge import Known, know
from slos.budgets.readings import Asked, coverage, excluded_seconds, read
from slos.models import Slo
from slos.states import SliKind

S = TypeVar("S")
T = TypeVar("T")
EARLIER = 4  # windows whose median says how many events are usual
WHOLE = Fraction(1)
REBUILDING = "its history is being added up anew"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is judged, whatever the target: exact counts as of `watermark`."""

    window: Window
    watermark: datetime
    tally: Tally
    burn: Mapping[str, Tally]
    excluded_seconds: int = 0
    usual: Fraction | None = None
    coverage: Fraction = WHOLE
    is_rebuilding: bool = False
    has_swept: bool = True


class Made(Mapping[str, T]):
    """What is made of each of some values when it is asked for: of hundreds of budgets few burn rates are looked at."""

    __slots__ = ("_make", "_values")

    def __init__(self, values: Mapping[str, S], make: Callable[[S], T]) -> None:
        self._values, self._make = values, make

    def __getitem__(self, name: str) -> T:
        return self._make(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(slots=True)
class _Plan:
    """The instants at which an SLO's stretch is cut; the tally of a window is the sum of its pieces."""

    slo: Slo
    window: Window
    end: datetime
    earlier: list[Window] = field(default_factory=list)

    @property
    def cuts(self) -> list[datetime]:
        starts = {self.window.start, *(self.end - length for length in BURN_WINDOWS.values())}
        starts |= {one.start for one in self.earlier}
        return sorted({*(at for at in starts if at < self.end), max(self.end, self.window.start)})


def gather(slos: Sequence[Slo], at: datetime) -> dict[int, Inputs]:
    """By SLO; a few queries, however many there are."""
    return {one.pk: inputs for one, inputs in zip(slos, gather_each([(one, at) for one in slos]), strict=True)}


def gather_each(asked: Sequence[tuple[Slo, datetime]]) -> list[Inputs]:
    """Of SLOs each as of an instant, in order."""
    if not asked:
        return []
    known = know(list({slo.pk: slo for slo, _ in asked}.values()), *_reach(asked))
    plans = [_plan(slo, at, known) for slo, at in asked]
    pieces = [
        (number, Asked(plan.slo, start, end, at))
        for number, (plan, (_, at)) in enumerate(zip(plans, asked, strict=True))
        for start, end in pairwise(plan.cuts)
    ]
    found: list[list[tuple[Asked, Tally]]] = [[] for _ in asked]
    for (number, one), tally in zip(pieces, read([one for _, one in pieces], known), strict=True):
        found[number].append((one, tally))
    return [_inputs(plan, mine, at, known) for plan, mine, (_, at) in zip(plans, found, asked, strict=True)]


def judged(slo: Slo, inputs: Inputs, at: datetime, *, target: Any = None) -> Budget:
    """The budget that follows, for the SLO's own target or another."""
    aim = slo.target if target is None else target
    return judge(
        Case(
            target=aim,
            method=slo.method,
            window=inputs.window,
            at=at,
            watermark=inputs.watermark,
            tally=inputs.tally,
            counts_time=terms.counts_time(slo),
            is_rolling=slo.window_kind == "rolling",
            excluded_seconds=inputs.excluded_seconds,
            usual=inputs.usual,
            coverage=inputs.coverage,
            burn=Made(inputs.burn, partial(burn_of, aim)),
            hindrance=REBUILDING if inputs.is_rebuilding else "",
        )
    )


# --- kept at the watermark ---


def packed(inputs: Inputs) -> dict[str, Any]:
    """As JSON keeps it, without loss."""
    return {
        "tally": _pack(inputs.tally),
        "burn": {name: _pack(tally) for name, tally in inputs.burn.items()},
        "excluded_seconds": inputs.excluded_seconds,
        "usual": str(inputs.usual) if inputs.usual is not None else None,
        "coverage": str(inputs.coverage),
        "is_rebuilding": inputs.is_rebuilding,
    }


def unpacked(data: Mapping[str, Any], window: Window, watermark: datetime) -> Inputs:
    return Inputs(
        window=window,
        watermark=watermark,
        tally=Tally(*data["tally"]),
        burn=Made(data["burn"], _unpack),
        excluded_seconds=data["excluded_seconds"],
        usual=Fraction(data["usual"]) if data["usual"] is not None else None,
        coverage=WHOLE if data["coverage"] == "1" else Fraction(data["coverage"]),
        is_rebuilding=data["is_rebuilding"],
    )


def _pack(tally: Tally) -> list[int]:
    return [tally.valid, tally.bad, tally.excluded, tally.unmeasured]


def _unpack(values: list[int]) -> Tally:
    valid, bad, excluded, unmeasured = values
    return Tally(valid, bad, excluded, unmeasured)


# --- the parts ---


def _reach(asked: Iterable[tuple[Slo, datetime]]) -> tuple[datetime, datetime]:
    """From where to where something must be known."""
    windows = [(at, window_of(slo, at)) for slo, at in asked]
    back = max(BURN_WINDOWS.values())
    first = min(at - back - (one.end - one.start) * (EARLIER + 2) for at, one in windows)
    return first, max(max(at, one.end) for at, one in windows)


def _plan(slo: Slo, at: datetime, known: Known) -> _Plan:
    """Rolling windows end at the watermark, a calendar's is the one that `at` lies in."""
    end = known.up_to(at)
    rolling = slo.window_kind == "rolling"
    plan = _Plan(slo, window_of(slo, end if rolling else at), end)
    if not rolling and not terms.counts_time(slo):
        plan.earlier = list(_earlier(slo, plan.window, known))
    return plan


def _earlier(slo: Slo, window: Window, known: Known) -> Iterable[Window]:
    """Up to four windows before, as far as there is history."""
    first = known.measured_from(slo)
    for _ in range(EARLIER):
        window = window_before(slo, window)
        if first is None or (window.end <= first and slo.kind != SliKind.HIT_RATE):
            return
        yield window


def _inputs(plan: _Plan, pieces: Sequence[tuple[Asked, Tally]], at: datetime, known: Known) -> Inputs:
    def since(start: datetime, until: datetime | None = None) -> Tally:
        return Tally.sum(tally for one, tally in pieces if one.start >= start and (until is None or one.end <= until))

    whole = Asked(plan.slo, plan.window.start, plan.window.end, at)
    return Inputs(
        window=plan.window,
        watermark=plan.end,
        tally=replace(since(plan.window.start), causes={}),
        burn={name: since(plan.end - length) for name, length in BURN_WINDOWS.items()},
        excluded_seconds=excluded_seconds(plan.slo, plan.window, known),
        usual=median([since(one.start, one.end).valid for one in plan.earlier]),
        coverage=coverage(whole, known),
        is_rebuilding=plan.slo.pk in known.rebuilding,
        has_swept=known.watermark is not None,
    )
