"""`manage.py benchmark calendars`: what one question costs, beside two other libraries on the same calendar.

Then a few awkward questions, and who answers them differently. No database. The other libraries are needed for
development only; one that is absent is left out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import metadata
from timeit import Timer
from typing import Any, TextIO

from opsportal.calendars import engine, holidays
from opsportal.calendars.engine import BusinessTime

DATABASE = False
ZONE = "Europe/Berlin"
WORKDAYS = range(5)
START = datetime(2026, 5, 5, 8, 30, tzinfo=UTC)
SPANS = {"1 day": timedelta(days=1), "1 year": timedelta(days=365), "10 years": timedelta(days=3652)}
SLICE_SECONDS, MEASURE_SECONDS, MAX_ROUNDS = 0.0003, 0.4, 1000

Between = Callable[[datetime, datetime], float]
Add = Callable[[datetime, int], datetime]


@dataclass(frozen=True, slots=True)
class Hours:
    """One window a day on some weekdays: what all the libraries can say. An end before its start runs overnight."""

    zone: str
    days: tuple[int, ...]
    start: str
    end: str
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Calculator:
    name: str
    between: Between
    add: Add


@dataclass(frozen=True, slots=True)
class Question:
    """`add` seconds to `start`, or with None count from `start` to `end`."""

    title: str
    hours: Hours
    start: datetime
    end: datetime
    add: int | None = None


def run(out: TextIO) -> None:
    """Print both tables."""
    days = frozenset(_public_holidays())
    office = Hours(ZONE, tuple(WORKDAYS), "09:00", "17:00", days)
    out.write(f"Office hours in {ZONE} with {len(days)} public holidays: microseconds a call, the quickest round\n\n")
    for line in _speed(_calculators(office)):
        out.write(line + "\n")
    out.write("\nAwkward questions: our answer, and who gives another (≠)\n\n")
    for line in _answers():
        out.write(line + "\n")


def _public_holidays() -> Iterator[date]:
    """Twenty years of them: one of the libraries breaks where its list ends."""
    for first in (START.year, START.year + holidays.MAX_YEARS):
        found = holidays.list_holidays("DE", "", range(first, first + holidays.MAX_YEARS))
        yield from map(date.fromisoformat, found)


def _speed(calculators: list[Calculator]) -> Iterator[str]:
    """A line for each question, a column for each calculator: its cost, and how many times ours that is."""
    yield f"{'':18}" + "".join(f"{calculator.name:>30}" for calculator in calculators)
    costs = [_costs(calculator) for calculator in calculators]
    for row, title in enumerate(f"{verb}, {span}" for verb in ("between", "add") for span in SPANS):
        cells = (f"{own[row]:,.2f}  {own[row] / costs[0][row]:>9,.0f}x" for own in costs)
        yield f"{title:18}" + "".join(f"{cell:>30}" for cell in cells)
    for first, title in ((0, "between"), (3, "add")):
        cells = (f"{own[first + 2] / own[first]:,.2f}" + " " * 12 for own in costs)
        yield f"{title + ', 10 y/1 d':18}" + "".join(f"{cell:>30}" for cell in cells)
    for calculator in calculators[1:]:
        for span, length in SPANS.items():
            ours, theirs = (each.between(START, START + length) for each in (calculators[0], calculator))
            if ours != theirs:
                yield f"≠ {calculator.name} counts {theirs:,.0f} s in {span} where there are {ours:,.0f} s"


def _costs(calculator: Calculator) -> list[float]:
    """Microseconds of between over each span, then of add of as much."""
    amounts = [int(calculator.between(START, START + span)) + 60 for span in SPANS.values()]
    betweens = [_cost(calculator.between, START + span) for span in SPANS.values()]
    return betweens + [_cost(calculator.add, amount) for amount in amounts]


def _cost(function: Callable[[datetime, Any], Any], argument: Any) -> float:
    """Microseconds of one call: the quickest of many short rounds, so that a busy machine disturbs some, not all."""
    timer = Timer("function(start, argument)", globals={"function": function, "start": START, "argument": argument})
    once = min(timer.repeat(repeat=3, number=1))
    number = max(1, int(SLICE_SECONDS / once))
    rounds = min(MAX_ROUNDS, int(MEASURE_SECONDS / (once * number)))
    return min([once, *(each / number for each in timer.repeat(repeat=rounds, number=number))]) * 1e6


def _answers() -> Iterator[str]:
    for question in _questions():
        calculators = _calculators(question.hours)
        expected = _answer(calculators[0], question)
        yield f"{question.title}: {expected}"
        for other in calculators[1:]:
            answer = _answer(other, question)
            yield f"    {'=' if answer == expected else '≠'} {other.name}: {answer}"


def _answer(calculator: Calculator, question: Question) -> str:
    try:
        if question.add is None:
            return f"{calculator.between(question.start, question.end):,.0f} s"
        return f"{calculator.add(question.start, question.add).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _questions() -> list[Question]:
    def at(year: int, month: int, day: int, hour: int) -> datetime:
        return datetime(year, month, day, hour, tzinfo=UTC)

    sunday, every_day = (6,), tuple(range(7))
    office = Hours(ZONE, tuple(WORKDAYS), "09:00", "17:00")
    early = Hours(ZONE, sunday, "00:30", "06:00")
    shift = Hours("America/New_York", (5,), "22:00", "06:00")
    island = Hours("Australia/Lord_Howe", sunday, "01:00", "05:00")
    gap = Hours(ZONE, sunday, "02:30", "05:00")
    samoa = Hours("Pacific/Apia", every_day, "09:00", "17:00")
    return [
        Question("Sunday night, clocks go forward", early, at(2026, 3, 28, 20), at(2026, 3, 29, 20)),
        Question("Sunday night, clocks go back", early, at(2026, 10, 24, 20), at(2026, 10, 25, 20)),
        Question("A window that opens in the skipped hour", gap, at(2026, 3, 28, 20), at(2026, 3, 29, 20)),
        Question("Half an hour of summer time", island, at(2026, 10, 3, 6), at(2026, 10, 4, 6)),
        Question("An overnight shift when clocks go back", shift, at(2026, 10, 31, 16), at(2026, 11, 1, 16)),
        Question("The week Samoa had no 30 December", samoa, at(2011, 12, 28, 10), at(2012, 1, 3, 10)),
        Question("A timer that ends at closing time", office, at(2026, 1, 9, 15), at(2026, 1, 9, 16), 3600),
        Question("No time at all, asked on a Sunday", office, at(2026, 1, 11, 3), at(2026, 1, 11, 3), 0),
        Question("An hour back from opening time", office, at(2026, 1, 12, 9), at(2026, 1, 12, 8), -3600),
    ]


def _calculators(hours: Hours) -> list[Calculator]:
    """Ours first, then what is installed of the others."""
    found = [_ours(hours)]
    for package, make in (("django-bizcal", _bizcal), ("businesstimedelta", _businesstimedelta)):
        try:
            found.append(make(hours, f"{package} {metadata.version(package)}"))
        except (ImportError, metadata.PackageNotFoundError):
            continue
    return found


def _ours(hours: Hours) -> Calculator:
    names = engine.definition.DAYS
    weekly = {names[day]: [[hours.start, hours.end]] for day in hours.days}
    overrides: dict[str, list[Any]] = {day.isoformat(): [] for day in hours.holidays}
    calendar: BusinessTime = engine.compile(engine.parse(timezone=hours.zone, weekly=weekly, overrides=overrides))
    return Calculator("opsportal", calendar.between, calendar.add)


def _bizcal(hours: Hours, name: str) -> Calculator:
    from django_bizcal import ScheduleBlock, WorkingCalendar
    from django_bizcal.providers import SetHolidayProvider

    block = ScheduleBlock.from_pair(hours.start, hours.end, int(hours.end < hours.start))
    calendar = WorkingCalendar(
        tz=hours.zone,
        weekly_schedule={day: [block] for day in hours.days},
        holiday_provider=SetHolidayProvider.from_dates(hours.holidays),
    )
    return Calculator(
        name,
        lambda start, end: calendar.business_time_between(start, end).total_seconds(),
        lambda start, seconds: calendar.add_business_time(start, timedelta(seconds=seconds)),
    )


def _businesstimedelta(hours: Hours, name: str) -> Calculator:
    import pytz  # type: ignore[import-untyped]
    from businesstimedelta import BusinessTimeDelta, HolidayRule, Rules, WorkDayRule

    zone = pytz.timezone(hours.zone)
    workday = WorkDayRule(
        start_time=time.fromisoformat(hours.start),
        end_time=time.fromisoformat(hours.end),
        working_days=list(hours.days),
        tz=zone,
    )
    rules = Rules([workday, HolidayRule(hours.holidays, tz=zone)]) if hours.holidays else Rules([workday])

    def add(start: datetime, seconds: int) -> datetime:
        amount = BusinessTimeDelta(rules, seconds=abs(seconds))
        later: datetime = start + amount if seconds >= 0 else start - amount
        return later

    return Calculator(name, lambda start, end: rules.difference(start, end).timedelta.total_seconds(), add)
