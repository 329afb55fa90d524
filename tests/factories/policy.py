"""SLOs with counted days, policies and sweeps for tests. Days are counted at once, as the rollups would have."""

import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from opsportal.catalog.models import Automation
from slos.models import Policy, SliBucket, Slo, Watermark
from slos.policy import operations
from slos.policy.sweep import sweep_policies
from tests.factories.catalog import make_automation
from tests.factories.identity import SETUP

DAY = timedelta(days=1)
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
_numbers = itertools.count(1)


def make_slo(automation: Automation | None = None, slug: str = "", **fields: Any) -> Slo:
    """99.5% of runs over rolling 28 days, by events, in UTC, unless said otherwise."""
    automation = automation or make_automation(now=BEGIN)
    slug = slug or f"{automation.slug}-slo-{next(_numbers)}"
    defaults: dict[str, Any] = {
        "name": f"{automation.name} availability",
        "kind": "availability",
        "method": "occurrences",
        "target": Decimal("99.5"),
        "window_kind": "rolling",
        "window_days": 28,
        "state": "active",
        "created_at": BEGIN,
        "updated_at": BEGIN,
    }
    return Slo.objects.create(slug=slug, automation=automation, **{**defaults, **fields})


def count_days(slo: Slo, days: Mapping[date, tuple[int, int]]) -> None:
    """{day: (valid, bad)}, of UTC days; all of it happens in the minute of noon, so buckets of every width agree."""
    noons = {day: datetime.combine(day, time(12), UTC) for day in days}
    starts = {day: datetime.combine(day, time(), UTC) for day in days}
    SliBucket.objects.filter(slo=slo, start__in=[*noons.values(), *starts.values()]).delete()
    SliBucket.objects.bulk_create(
        SliBucket(
            slo=slo,
            width=width,
            start=starts[day] if width == 86_400 else noons[day],
            valid=valid,
            bad=bad,
            causes={"error|Timeout": bad},
        )
        for day, (valid, bad) in days.items()
        for width in (60, 900, 3_600, 86_400)
    )


def burn_days(slo: Slo, last: date, *burns: float | None) -> None:
    """A day of 1,000 events for each burn rate at 99.5%, the last one on `last`; None: nothing happened."""
    first = last - (len(burns) - 1) * DAY
    count_days(slo, {first + n * DAY: (1_000, round(burn * 5)) for n, burn in enumerate(burns) if burn is not None})


def look_until(at: datetime, *, since: datetime = BEGIN) -> None:
    """The portal has been receiving and sweeping from `since` to `at`."""
    Watermark.objects.update_or_create(id=1, defaults={"since": since, "at": at})


def morning(day: date) -> datetime:
    """Shortly after that day began in UTC: the day before it is complete."""
    return datetime.combine(day, time(0, 10), UTC)


def sweep(*days: date) -> None:
    """The portal looks, and policies are swept, on the morning of each of these days."""
    for day in days:
        look_until(morning(day))
        sweep_policies(morning(day))


def sweep_daily(first: date, last: date) -> None:
    sweep(*(first + n * DAY for n in range((last - first).days + 1)))


def published(**fields: Any) -> Policy:
    return operations.publish_policy(actor=SETUP, now=fields.get("now", BEGIN))


def make_policy(slug: str, rules: Iterable[Any], **fields: Any) -> Policy:
    state = fields.pop("state", "active")
    terms = operations.Terms(name=slug.capitalize(), rules=list(rules), **fields)
    return operations.create_policy(slug=slug, terms=terms, state=state, actor=SETUP, now=BEGIN)
