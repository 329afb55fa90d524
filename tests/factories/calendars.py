"""Calendars for tests. Everything has a working default, and a counter keeps names apart."""

import itertools
from datetime import UTC, datetime
from typing import Any

from opsportal.audit.engine import Actor
from opsportal.calendars import operations
from opsportal.calendars.models import Calendar, CalendarVersion

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)  # a Tuesday
SETUP = Actor.system("setup")
OFFICE_DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE_HOURS = {day: [["09:00", "17:00"]] for day in OFFICE_DAYS}

_numbers = itertools.count(1)


def make_calendar(slug: str = "", *, timezone: str = "Europe/Berlin", weekly: Any = None, **fields: Any) -> Calendar:
    """Open Monday to Friday, nine to five in Berlin, unless said otherwise."""
    slug = slug or f"calendar-{next(_numbers)}"
    weekly = OFFICE_HOURS if weekly is None else weekly
    values = {"name": slug.replace("-", " ").capitalize(), "actor": SETUP, "now": NOW, **fields}
    return operations.create_calendar(slug=slug, timezone=timezone, weekly=weekly, **values)


def make_version(calendar: Calendar, **changes: Any) -> CalendarVersion:
    """A further version, with what changes."""
    return operations.revise_calendar(calendar, **{"actor": SETUP, "now": NOW, **changes})
