"""Writes on calendars. A revision is a new version; open records adopt it only when that is asked for."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils.text import slugify

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.calendars import engine, registry
from opsportal.calendars.engine import Definition
from opsportal.calendars.engine.changes import Change, changes
from opsportal.calendars.models import AROUND_THE_CLOCK, Calendar, CalendarVersion
from opsportal.calendars.queries import get_version
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Team

UNCHANGED: Any = object()
RESERVED = {"new"}  # the address of the form for a new one
NOTHING = Definition(timezone="", weekly=((),) * 7)


def create_calendar(
    *,
    slug: str,
    timezone: str,
    weekly: dict[str, Any],
    overrides: dict[str, Any] | None = None,
    override_names: dict[str, str] | None = None,
    closures: list[Any] | None = None,
    name: str = "",
    team: Team | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Calendar:
    """Make a calendar with its first version. The content is in the JSON spelling of the API.

    Raises InvalidInputs with the place of each fault, Conflict `slug_taken`.
    """
    definition = engine.parse(
        timezone=timezone, weekly=weekly, overrides=overrides, override_names=override_names, closures=closures
    )
    calendar = Calendar(slug=_slug(slug), name=_name(name or slug), team=team, created_at=now)
    try:
        with transaction.atomic():
            calendar.save(force_insert=True)
            version = _add_version(calendar, 1, definition, note, actor, now)
            said = [("Name", "", calendar.name), ("Team", "", _team(team)), *changes(NOTHING, definition)]
            _record("calendar.created", calendar, _only_different(said), version, note, actor, now)
    except IntegrityError as error:
        if not Calendar.objects.filter(slug=slug).exists():
            raise
        raise Conflict("slug_taken", f"There is a calendar “{slug}” already.", field="slug") from error
    return calendar


@transaction.atomic
def revise_calendar(
    calendar: Calendar,
    *,
    name: str = UNCHANGED,
    team: Team | None = UNCHANGED,
    timezone: str = UNCHANGED,
    weekly: dict[str, Any] = UNCHANGED,
    overrides: dict[str, Any] | None = UNCHANGED,
    override_names: dict[str, str] | None = UNCHANGED,
    closures: list[Any] | None = UNCHANGED,
    based_on: int | None = None,
    note: str = "",
    adopt: bool = False,
    actor: Actor,
    now: datetime,
) -> CalendarVersion:
    """Change a calendar; answers its current version, a new one when the content changed.

    `based_on` is the version the change was made from: raises Conflict `calendar_changed` when there is a newer one.
    `adopt` lets open records count by the new version; without it they keep theirs. Raises InvalidInputs.
    """
    locked = Calendar.objects.select_for_update().get(pk=calendar.pk)
    before = get_version(locked)
    if based_on is not None and based_on != before.number:
        raise Conflict("calendar_changed", f"There is a version {before.number} by now. Look at it first.")
    given = {
        "timezone": timezone,
        "weekly": weekly,
        "overrides": overrides,
        "override_names": override_names,
        "closures": closures,
    }
    asked = {key: value for key, value in given.items() if value is not UNCHANGED}
    old, new = before.definition, engine.parse(**{**before.spelled, **asked})
    renamed = _rename(locked, name, team)
    version = before if new == old else _add_version(locked, before.number + 1, new, note, actor, now)
    if renamed or version is not before:
        _record("calendar.revised", locked, [*renamed, *changes(old, new)], version, note, actor, now)
        calendar.name, calendar.team = locked.name, locked.team
    if adopt:
        adopt_version(version, actor=actor, now=now)
    return version


@transaction.atomic
def adopt_version(version: CalendarVersion, *, actor: Actor, now: datetime) -> int:
    """Let open records of all rooms count by this version, which must be the current one; answers how many did.

    Raises Conflict `not_current`, and whatever a room refuses, in which case nothing has changed.
    """
    calendar = Calendar.objects.select_for_update().get(pk=version.calendar_id)
    if get_version(calendar).pk != version.pk:
        raise Conflict("not_current", "Only the current version can be adopted.")
    count = registry.adopt(version, actor=actor, now=now)
    if count:
        extra = {"version": version.number, "records": count}
        record(Draft(actor, "calendar.adopted", _subject_of(calendar), now, team=_team(calendar.team), extra=extra))
    return count


@transaction.atomic
def delete_calendar(calendar: Calendar, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Delete a calendar that nothing uses. Raises Conflict `calendar_in_use`, `starter_calendar`."""
    if calendar.slug == AROUND_THE_CLOCK:
        raise Conflict("starter_calendar", "The starter calendar stays: new rules begin with it.")
    subject, team = _subject_of(calendar), _team(calendar.team)
    try:
        Calendar.objects.get(pk=calendar.pk).delete()
    except (ProtectedError, RestrictedError) as error:
        raise Conflict("calendar_in_use", "Rules or timers count by this calendar, so it stays.") from error
    record(Draft(actor, "calendar.deleted", subject, now, team=team, reason=reason))


def _subject_of(calendar: Calendar) -> Subject:
    return Subject("calendar", calendar.slug, calendar.name)


def _add_version(
    calendar: Calendar, number: int, definition: Definition, note: str, actor: Actor, now: datetime
) -> CalendarVersion:
    return CalendarVersion.objects.create(
        calendar=calendar,
        number=number,
        note=_line("note", note, 240),
        created_at=now,
        created_by_id=int(actor.id) if actor.kind == "human" and actor.id.isdigit() else None,
        **engine.spell(definition),
    )


def _rename(calendar: Calendar, name: str, team: Team | None) -> list[Change]:
    """Give the calendar its new name and team; answers what that changed."""
    old_name, old_team = calendar.name, _team(calendar.team)
    if name is not UNCHANGED:
        calendar.name = _name(name)
    if team is not UNCHANGED:
        calendar.team = team
    renamed = _only_different([("Name", old_name, calendar.name), ("Team", old_team, _team(calendar.team))])
    if renamed:
        calendar.save(update_fields=["name", "team"])
    return renamed


def _record(
    action: str,
    calendar: Calendar,
    said: list[Change],
    version: CalendarVersion,
    note: str,
    actor: Actor,
    now: datetime,
) -> None:
    record(
        Draft(
            actor,
            action,
            _subject_of(calendar),
            now,
            team=_team(calendar.team),
            reason=note.strip(),
            before={change.place: change.before for change in said if change.before},
            after={change.place: change.after for change in said if change.after},
            extra={"version": version.number},
        )
    )


def _only_different(said: list[Any]) -> list[Change]:
    return [Change(*each) for each in said if each[1] != each[2]]


def _team(team: Team | None) -> str:
    return team.slug if team else ""


def _slug(slug: str) -> str:
    if not slug or len(slug) > 60 or slugify(slug) != slug or slug in RESERVED:
        raise InvalidInput("bad_slug", "Use up to 60 lower-case letters, digits and hyphens.", field="slug")
    return slug


def _name(name: str) -> str:
    if not (line := _line("name", name, 120)):
        raise InvalidInput("required", "A calendar needs a name.", field="name")
    return line


def _line(field: str, text: str, limit: int) -> str:
    text = text.strip()
    if len(text) > limit or not (text.isprintable() or not text):
        raise InvalidInput("bad_text", f"This is one line of at most {limit} characters.", field=field)
    return text
