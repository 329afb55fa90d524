"""From what was counted to what a rule reads: days of an SLO in its zone, and what the engine has to know of it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from slos.budgets import queries as budgets
from slos.budgets import terms
from slos.budgets.engine import Day
from slos.budgets.engine.windows import day_window, first_day, midnight, next_first_day
from slos.budgets.knowledge import know
from slos.models import Slo
from slos.policy import engine
from slos.policy.engine import DAY, Reading, Terms
from slos.policy.rules import Rule, When

UNIT_DAYS = {"week": 7, "month": 31, "quarter": 92, "year": 366}


def terms_of(slo: Slo) -> Terms:
    days = slo.window_days or UNIT_DAYS[slo.window_unit]
    return Terms(str(slo.target), counts_time=terms.counts_time(slo), window_days=days)


def last_complete_day(slo: Slo, watermark: datetime) -> date:
    """The newest day of the SLO's zone that was wholly over when the portal last looked."""
    day = watermark.astimezone(ZoneInfo(slo.timezone)).date()
    while midnight(day + DAY, ZoneInfo(slo.timezone)) > watermark:
        day -= DAY
    return day


def first_day_needed(rules: Iterable[Rule], slo: Slo, day: date) -> date:
    """How far back the rules may look from `day`, the ends of their freezes included."""
    window = min(terms_of(slo).window_days, engine.LONGEST_WINDOW)
    backs = [max(engine.look_back(rule), rule.exit_days * (1 + engine.HOLDS_DAYS)) for rule in rules]
    return day - timedelta(days=max([window, *backs]))


def series_of(slo: Slo, first: date, last: date) -> dict[date, Reading]:
    """Each measured day from `first` to `last`; days before anything was measured are left out."""
    return series_of_many([slo], first, last)[slo.pk]


def series_of_many(slos: Sequence[Slo], first: date, last: date) -> dict[int, dict[date, Reading]]:
    """By SLO, with a constant number of queries."""
    if not slos:
        return {}
    zones = {slo.timezone: ZoneInfo(slo.timezone) for slo in slos}
    since = min(midnight(first, zone) for zone in zones.values())
    until = max(midnight(last + DAY, zone) for zone in zones.values())
    known = know(slos, since, until)
    counted = budgets.days_of_many(slos, first, last + DAY)
    found: dict[int, dict[date, Reading]] = {}
    for slo in slos:
        measured_from, zone = known.measured_from(slo), zones[slo.timezone]
        found[slo.pk] = {
            day.date: _reading(day, day_window(day.date, zone).seconds)
            for day in counted[slo.pk]
            if measured_from is not None and midnight(day.date + DAY, zone) > measured_from
        }
    return found


def unit_seconds(rule: Rule, slo: Slo, day: date) -> int:
    """The length of the calendar unit of a downtime budget in the SLO's zone; 0 for other rules."""
    if rule.when is not When.DOWNTIME_BUDGET:
        return 0
    first, zone = first_day(rule.unit, day), ZoneInfo(slo.timezone)
    length = midnight(next_first_day(rule.unit, first), zone) - midnight(first, zone)
    return round(length.total_seconds())


def _reading(day: Day, seconds: int) -> Reading:
    tally = day.tally
    return Reading(day.date, tally.valid, tally.bad, tally.unmeasured, tally.excluded, seconds)
