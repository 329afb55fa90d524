"""Reads of calendars. `business_time` is what every timer counts with."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from opsportal.calendars import engine, registry
from opsportal.calendars.engine import BusinessTime, Definition, zones
from opsportal.calendars.models import Calendar, CalendarQuerySet, CalendarVersion
from opsportal.errors import NotFound
from opsportal.identity.queries import visible_teams

KEPT = 256  # versions a process remembers
_kept: dict[UUID, tuple[zones.Edition, BusinessTime]] = {}


def business_time(version_id: UUID) -> BusinessTime:
    """The version ready to calculate; raises NotFound.

    A process compiles it once for each edition of the tz database, and shares it between threads.
    """
    found = business_times([version_id]).get(version_id)
    if found is None:
        raise NotFound("unknown_calendar_version", "There is no such version of a calendar.")
    return found


def business_times(version_ids: Iterable[UUID]) -> dict[UUID, BusinessTime]:
    """Several versions at once, with at most one query; those that do not exist are left out."""
    wanted = set(version_ids)
    found = {key: kept[1] for key in wanted if (kept := _kept.get(key)) and kept[0] == _edition(kept[1].definition)}
    if absent := wanted - found.keys():
        for version in CalendarVersion.objects.filter(pk__in=absent):
            clock = found[version.pk] = engine.compile(version.definition)
            _kept[version.pk] = _edition(clock.definition), clock
        for oldest in list(_kept)[:-KEPT]:
            _kept.pop(oldest, None)
    return found


def _edition(definition: Definition) -> zones.Edition:
    return zones.edition(definition.timezone)


def current_version(slug: str) -> CalendarVersion:
    """The version in force of the calendar with that slug; raises NotFound. Whoever asks must be allowed to see it."""
    versions = CalendarVersion.objects.select_related("calendar").order_by("-number")
    version = versions.filter(calendar__slug=slug).first() if "\x00" not in slug else None
    if version is None:
        raise NotFound("unknown_calendar", f"There is no calendar “{slug[:60]}”.")
    return version


def get_version(calendar: Calendar, number: int | None = None) -> CalendarVersion:
    """One version of a calendar, the current one unless `number` says otherwise; raises NotFound."""
    versions = list_versions(calendar)
    version = (versions.filter(number=number) if number is not None else versions).first()
    if version is None:
        raise NotFound("unknown_calendar_version", f"This calendar has no version {number}.")
    return version


def list_calendars(principal: Any) -> CalendarQuerySet:
    """The calendars somebody may see, each with `current_id`."""
    return Calendar.objects.visible_to(principal).with_current().select_related("team")


def get_calendar(principal: Any, slug: str) -> Calendar:
    """A calendar that somebody may see; raises NotFound."""
    calendar = list_calendars(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if calendar is None:
        raise NotFound("unknown_calendar", f"There is no calendar “{slug[:60]}”.")
    return calendar


def list_versions(calendar: Calendar) -> QuerySet[CalendarVersion]:
    """All versions, the current one first."""
    return calendar.versions.select_related("calendar", "created_by").order_by("-number")


def may_configure(principal: Any, team_id: int | None) -> bool:
    """Whether somebody may change calendars of that team. Everybody's calendars take somebody who sees every team."""
    teams = visible_teams(principal)
    return bool(principal.allows("handoffs:configure")) and (teams is None or team_id in teams)


def preview_deadlines(calendar: Calendar, definition: Definition, limit: int) -> list[registry.MovedDeadline]:
    """Open deadlines that would move if the calendar said this, soonest first, at most `limit`."""
    return registry.moved_deadlines(calendar, engine.compile(definition), limit)
