"""What differs between two definitions, place by place, in words: for the trail, the history and the preview."""

from datetime import date
from typing import NamedTuple

from opsportal.calendars.engine.definition import DAY_NAMES, Closure, Definition, Windows, spell_instant


class Change(NamedTuple):
    """At one place; an empty text means that nothing is said there."""

    place: str
    before: str
    after: str


def changes(before: Definition, after: Definition) -> list[Change]:
    """Time zone, weekdays, dates with an override, closures, in this order; only what differs."""
    pairs = [
        Change("Time zone", before.timezone, after.timezone),
        *(
            Change(name, hours_in_words(old), hours_in_words(new))
            for name, old, new in zip(DAY_NAMES, before.weekly, after.weekly, strict=True)
        ),
        *(
            Change(day.isoformat(), _override(before, day), _override(after, day))
            for day in sorted({*before.overrides, *after.overrides})
        ),
        *(_closure(shut, before, after) for shut in sorted({*before.closures, *after.closures})),
    ]
    return [change for change in pairs if change.before != change.after]


def hours_in_words(windows: Windows) -> str:
    """“09:00–12:00, 13:00–17:00”, or “closed”."""
    return ", ".join(map(str, windows)) or "closed"


def _override(definition: Definition, day: date) -> str:
    if day not in definition.overrides:
        return ""
    name = definition.override_names.get(day, "")
    return hours_in_words(definition.overrides[day]) + (f" ({name})" if name else "")


def _closure(shut: Closure, before: Definition, after: Definition) -> Change:
    place = f"Closure {spell_instant(shut.since)} to {spell_instant(shut.until)}"
    if shut.reason:
        place += f" ({shut.reason})"
    old, new = before.closures.count(shut), after.closures.count(shut)
    return Change(place, "closed" if old else "", "closed" if new else "")
