"""Whether a calendar says when people really work: their answers beside its hours, and what its opening decides."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock
from opsportal.calendars.engine import BusinessTime, Definition, Window, compile
from opsportal.calendars.engine.definition import DAY_NAMES, MIDNIGHT, Windows, clock_time

SHIFTS = (-60, -30, 30, 60)  # minutes by which the opening is moved
QUARTER = 15
FEW_DATES = 4  # below, a weekday's first answers are an accident
FEW_ANSWERS = 20
MUCH = 0.1  # so large a share outside is worth a word
DECISIVE = 0.05  # a change of the rate that is worth a word
APART = 30  # minutes between opening and work that are worth a word


@dataclass(slots=True)
class Weekday:
    """Answers on one weekday in the calendar's zone. `opening` and `first_active` are minutes of the local day:
    what the calendar declares, and the quarter-hour by which on every fourth date somebody had answered.
    """

    number: int
    opening: int | None
    answers: int = 0
    before: int = 0
    after: int = 0
    between: int = 0
    dates: int = 0
    first_active: int | None = None

    @property
    def name(self) -> str:
        return DAY_NAMES[self.number]

    @property
    def outside(self) -> int:
        return self.before + self.after + self.between

    @property
    def early(self) -> int:
        """Minutes that work starts before the calendar opens; negative when it starts later, 0 when nobody knows."""
        return 0 if self.first_active is None or self.opening is None else self.opening - self.first_active


@dataclass(frozen=True, slots=True)
class Shift:
    """The business verdicts if the calendar opened `minutes` later (earlier where negative)."""

    minutes: int
    hits: int
    evaluated: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.evaluated if self.evaluated else None


@dataclass(frozen=True, slots=True)
class Plausibility:
    """`weekdays` has seven entries, Monday first; `shifts` are ascending and hold 0, the calendar as it is; they are
    empty where it has no opening that could be moved.
    """

    answers: int
    outside: int
    weekdays: list[Weekday]
    shifts: list[Shift]

    @property
    def share(self) -> float:
        return self.outside / self.answers if self.answers else 0.0

    @property
    def at_present(self) -> Shift | None:
        return next((one for one in self.shifts if not one.minutes), None)


def check(hours: BusinessTime, answers: Iterable[datetime], clocks: Sequence[Clock], now: datetime) -> Plausibility:
    """Lay human answers beside the hours, and judge the records again under shifted openings."""
    weekdays = _weekdays(hours, list(answers))
    return Plausibility(
        answers=sum(day.answers for day in weekdays),
        outside=sum(day.outside for day in weekdays),
        weekdays=weekdays,
        shifts=shifted_rates(hours.definition, clocks, now),
    )


def shifted_rates(definition: Definition, clocks: Sequence[Clock], now: datetime) -> list[Shift]:
    """How the business rate moves with the opening: -60, -30, 0, 30 and 60 minutes."""
    if not clocks or not any(map(_opening_of, _chains(definition))):
        return []
    return [_judged(shift(definition, minutes), minutes, clocks, now) for minutes in sorted((0, *SHIFTS))]


def shift(definition: Definition, minutes: int) -> Definition:
    """The calendar with every opening moved: the first window of a day, unless the day goes on from the one before.

    What would begin before midnight begins at midnight; what would begin after a window's end takes that window away.
    """
    if not minutes:
        return definition
    weekly = tuple(windows if goes_on else _moved(windows, minutes) for windows, goes_on in _chains(definition))
    overrides = {day: _moved(windows, minutes) for day, windows in definition.overrides.items()}
    return replace(definition, weekly=weekly, overrides=overrides)


def verdict(found: Plausibility) -> tuple[str, str]:
    """(tone, what there is to know), such as "Monday work starts at 08:15, 45 min before the calendar opens; …"."""
    if found.answers < FEW_ANSWERS:
        return "calm", f"{found.answers} human answers are too few to hold a calendar against."
    early = sorted((day for day in found.weekdays if day.early >= QUARTER), key=lambda day: -day.early)
    late = sorted((day for day in found.weekdays if day.early <= -APART), key=lambda day: day.early)
    outside = f"{found.outside:,} of {found.answers:,} answers fall outside it"
    if early:
        return "warn", f"{_start(early, 'before')}; {outside}.{_effect(found, -_round(early[0].early))}"
    if found.share >= MUCH:
        return "warn", f"{outside}: it is closed while people work."
    if late:
        return "calm", f"{_start(late, 'after')}; {outside}.{_effect(found, _round(-late[0].early))}"
    return "good", f"The calendar fits how people work: {outside}.{_dependence(found)}"


def _weekdays(hours: BusinessTime, answers: list[datetime]) -> list[Weekday]:
    definition, zone = hours.definition, ZoneInfo(hours.definition.timezone)
    found = [
        Weekday(number, windows[0].start if windows and not goes_on else None)
        for number, (windows, goes_on) in enumerate(_chains(definition))
    ]
    firsts: dict[date, int] = {}
    for answer in answers:
        local = answer.astimezone(zone)
        day, minute = local.date(), local.hour * 60 + local.minute
        weekday = found[local.weekday()]
        weekday.answers += 1
        if not hours.is_open(answer):
            _place(weekday, definition.windows_on(day), minute)
        if day not in definition.overrides:  # a holiday tells nothing about an ordinary day
            firsts[day] = min(minute, firsts.get(day, MIDNIGHT))
    by_weekday: dict[int, list[int]] = defaultdict(list)
    for day, minute in firsts.items():
        by_weekday[day.weekday()].append(minute)
    for weekday in found:
        minutes = sorted(by_weekday[weekday.number])
        weekday.dates = len(minutes)
        if len(minutes) >= FEW_DATES:
            weekday.first_active = minutes[(len(minutes) - 1) // 4] // QUARTER * QUARTER
    return found


def _place(weekday: Weekday, windows: Windows, minute: int) -> None:
    """Where an answer outside lies: before the first window, after the last, or between (a closed day, lunch)."""
    if windows and minute < windows[0].start:
        weekday.before += 1
    elif windows and minute >= windows[-1].end:
        weekday.after += 1
    else:
        weekday.between += 1


def _chains(definition: Definition) -> list[tuple[Windows, bool]]:
    """Each weekday's windows, and whether its first goes on from the day before: then it is no opening."""
    week = definition.weekly
    return [
        (windows, bool(windows and not windows[0].start and week[day - 1] and week[day - 1][-1].end == MIDNIGHT))
        for day, windows in enumerate(week)
    ]


def _opening_of(chain: tuple[Windows, bool]) -> bool:
    windows, goes_on = chain
    return bool(windows) and not goes_on


def _moved(windows: Windows, minutes: int) -> Windows:
    if not windows:
        return windows
    start = min(max(windows[0].start + minutes, 0), MIDNIGHT)
    cut = (Window(max(start, one.start) if at else start, one.end) for at, one in enumerate(windows))
    return tuple(one for one in cut if one.start < one.end)


def _judged(definition: Definition, minutes: int, clocks: Sequence[Clock], now: datetime) -> Shift:
    if not definition.has_hours:
        return Shift(minutes, 0, 0)
    hours = compile(definition, horizon=_horizon(clocks, now))
    hits = evaluated = 0
    for clock in clocks:
        hit = engine.judge(replace(clock, hours=hours), now).business_hit
        evaluated += hit is not None
        hits += bool(hit)
    return Shift(minutes, hits, evaluated)


def _horizon(clocks: Sequence[Clock], now: datetime) -> tuple[datetime, datetime]:
    first = min(clock.started_at for clock in clocks).astimezone(UTC)
    return first - timedelta(days=1), max(now, first) + timedelta(days=1)


def _start(days: list[Weekday], side: str) -> str:
    """ "Monday work starts at 08:15, 45 min before the calendar opens (on 4 days)" """
    first = days[0]
    assert first.first_active is not None  # noqa: S101 - early and late days have one
    others = f" ({', '.join(day.name for day in days[1:])} too)" if len(days) > 1 else ""
    starts = clock_time(first.first_active)
    return f"{first.name} work starts at {starts}, {_length(abs(first.early))} {side} the calendar opens{others}"


def _effect(found: Plausibility, minutes: int) -> str:
    """What moving the opening would do to the business rate: " Opening 60 min earlier: 78 % instead of 82 %." """
    base = found.at_present
    moved = next((one for one in found.shifts if one.minutes == minutes), None)
    if base is None or moved is None or base.rate is None or moved.rate is None or not minutes:
        return ""
    side = "earlier" if minutes < 0 else "later"
    length = _length(abs(minutes))
    if f"{moved.rate:.1%}" == f"{base.rate:.1%}":
        return f" Opening {length} {side}, the business rate would stay at {base.rate:.1%}."
    return f" Opening {length} {side}, the business rate would be {moved.rate:.1%} instead of {base.rate:.1%}."


def _dependence(found: Plausibility) -> str:
    """Where half an hour decides much: " Much hangs on the opening: 58.1%, but 43.8% if it came 30 min earlier …" """
    rates = {one.minutes: one.rate for one in found.shifts}
    base, early, late = (rates.get(minutes) for minutes in (0, -30, 30))
    if base is None or early is None or late is None or max(abs(base - early), abs(late - base)) < DECISIVE:
        return ""
    return (
        f" Much hangs on the opening: the business rate is {base:.1%}, and would be {early:.1%} with one 30 min"
        f" earlier, {late:.1%} with one 30 min later."
    )


def _round(minutes: int) -> int:
    """The nearest shift that was tried."""
    return min((30, 60), key=lambda tried: abs(tried - minutes))


def _length(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    spelled = {0: "", 1: "an hour"}.get(hours, f"{hours} hours")
    return " and ".join(filter(None, (spelled, f"{rest} min" if rest else "")))
