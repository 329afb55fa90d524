"""How the people around handoffs stand: who is away, who manages whom. A handful of statements for any number of
records.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from handoffs.engine.consequence import Standing
from handoffs.models import Handoff
from opsportal.identity.models import Person
from opsportal.identity.queries import absent_person_ids


@dataclass(frozen=True, slots=True)
class Circle:
    """The people a set of records may involve. `away`: absent now, or no longer active."""

    people: Mapping[int, Person]
    away: frozenset[int]
    managers: Mapping[int, int]

    def names(self, ids: Iterable[int]) -> str:
        """ "Ana and Bruno" """
        return " and ".join(str(self.people[one]) for one in ids) or "nobody"

    def usernames(self, ids: Iterable[int]) -> list[str]:
        return [self.people[one].username for one in ids]

    def standing(self, handoff: Handoff) -> Standing:
        return Standing(
            owner=handoff.owner_id,
            backup=handoff.backup_owner_id,
            fallback=handoff.rule_version.fallback_person_id,
            held_by=tuple(handoff.held_by),
            away=self.away,
            managers=self.managers,
        )


def circle_of(handoffs: Collection[Handoff], now: datetime) -> Circle:
    """Everybody these records may involve, their managers included: three statements."""
    ids = {one for handoff in handoffs for one in _involved(handoff)}
    people = Person.objects.in_bulk(ids)
    managers = {one.pk: one.manager_id for one in people.values() if one.manager_id is not None}
    people |= Person.objects.in_bulk(set(managers.values()) - set(people))
    gone = {one.pk for one in people.values() if not one.is_active}
    away = frozenset(gone | absent_person_ids(people, now))
    present = {person: manager for person, manager in managers.items() if people[manager].is_active}
    return Circle(people, away, present)


def standing_of(handoff: Handoff, now: datetime) -> Standing:
    return circle_of([handoff], now).standing(handoff)


def _involved(handoff: Handoff) -> Iterable[int]:
    ids = (handoff.owner_id, handoff.backup_owner_id, handoff.rule_version.fallback_person_id, *handoff.held_by)
    return (one for one in ids if one is not None)
