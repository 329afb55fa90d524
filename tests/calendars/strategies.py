"""Hypothesis strategies: calendars in their JSON spelling, zones with a history, instants near the trouble in them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from opsportal.calendars.engine import zones
from tests.calendars.reference import DAYS

# (zone, an instant of trouble in it)
TROUBLE = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),  # DST of 30 minutes
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # no 30 December
    ("Pacific/Kwajalein", datetime(1993, 8, 21, 12, tzinfo=UTC)),  # no 21 August
    ("Pacific/Kiritimati", datetime(1994, 12, 31, 10, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),  # no midnight
    ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),  # midnight twice
    ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ("Atlantic/Azores", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)),  # DST is interrupted for Ramadan
    ("Africa/El_Aaiun", datetime(2026, 3, 22, 2, tzinfo=UTC)),
    ("Europe/Dublin", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # winter time is the negative DST
    ("Antarctica/Troll", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # two hours at once
    ("Antarctica/Casey", datetime(2020, 10, 3, 16, 1, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(1985, 12, 31, 18, 30, tzinfo=UTC)),
    ("Asia/Pyongyang", datetime(2018, 5, 4, 15, tzinfo=UTC)),
    ("America/Caracas", datetime(2007, 12, 9, 7, tzinfo=UTC)),
    ("Europe/London", datetime(1947, 4, 13, 1, tzinfo=UTC)),  # double summer time
    ("Africa/Monrovia", datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)),  # until then 44 minutes 30 seconds behind
    ("Europe/Amsterdam", datetime(1937, 6, 30, 23, 40, 28, tzinfo=UTC)),
    ("America/Juneau", datetime(1983, 10, 30, 10, tzinfo=UTC)),
    ("UTC", datetime(2026, 1, 1, tzinfo=UTC)),
]
CLOCK = st.builds(lambda minute: f"{minute // 60:02}:{minute % 60:02}", st.integers(0, 1439))


@st.composite
def windows(draw: st.DrawFn, *, overnight: bool) -> list[list[str]]:
    pairs = []
    for _ in range(draw(st.integers(0, 3))):
        start, end = draw(CLOCK), draw(st.one_of(CLOCK, st.just("24:00")))
        if start != end and (overnight or start < end):
            pairs.append([start, end])
    return pairs


@st.composite
def troubled_calendars(draw: st.DrawFn, *, second: bool = True) -> tuple[dict, datetime]:
    """A calendar and an instant of trouble in its zone; overrides and closures lie around that instant."""
    key, trouble = draw(st.sampled_from(TROUBLE))
    local = trouble.astimezone(ZoneInfo(key)).date()
    days = st.builds(lambda d: (local + timedelta(days=d)).isoformat(), st.integers(-3, 3))
    unit = 1 if second else 60
    moments = st.builds(lambda n: trouble + timedelta(seconds=n * unit), st.integers(-200_000 // unit, 200_000 // unit))
    closures = []
    for _ in range(draw(st.integers(0, 3))):
        a, b = sorted((draw(moments), draw(moments)))
        if a < b:
            closures.append({"from": a.isoformat(), "until": b.isoformat(), "reason": "inventory"})
    return {
        "timezone": key,
        "weekly": {day: draw(windows(overnight=True)) for day in DAYS},
        "overrides": draw(st.dictionaries(days, windows(overnight=False), max_size=2)),
        "closures": closures,
    }, trouble


def instants_near(trouble: datetime, seconds: int) -> st.SearchStrategy[datetime]:
    return st.builds(lambda n: trouble + timedelta(seconds=n), st.integers(-seconds, seconds))


def any_zone() -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(zones.names()))


def any_instant() -> st.SearchStrategy[datetime]:
    """Any second calendars reach over, with a margin so that sums around it stay inside."""
    first, last = zones.instant_of(1910), zones.instant_of(2190)
    return st.builds(lambda n: datetime.fromtimestamp(n, UTC), st.integers(first, last))
