"""Automations as a kind of file that opsportal.imports can bring in, and take out again while they are untouched."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import ProtectedError
from django.urls import reverse

from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.audit.sentences import sentence
from opsportal.catalog import operations
from opsportal.catalog.csv_import.fields import FIELDS
from opsportal.catalog.csv_import.reading import RowReader, slug_at
from opsportal.catalog.models import Automation
from opsportal.catalog.operations.trail import note
from opsportal.errors import Conflict
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import visible_teams
from opsportal.imports.forms import OptionsForm
from opsportal.imports.registry import Item, Kind, Options, Undoing

SLICE = 500


class AutomationReader:
    """What opsportal.imports asks of the catalogue: rows read, told apart from what is there, written as drafts."""

    about = "the catalogue"
    team: Team | None = None

    def __init__(self, rows: RowReader) -> None:
        self.rows = rows

    def read(self, said: Any, extras: Any) -> Item:
        return self.rows.read(said, extras)

    def show(self, item: Item) -> list[Any]:
        values = item.record
        return [
            item.label,
            slug_at(item.key),
            values.get("tier", "P2"),
            values.get("owner") or "nobody",
            values.get("team"),
        ]

    def standing(self, items: Sequence[Item]) -> dict[int, str]:
        known: set[str] = set()
        slugs = [slug_at(item.key) for item in items]
        for at in range(0, len(slugs), SLICE):
            known |= set(Automation.objects.filter(slug__in=slugs[at : at + SLICE]).values_list("slug", flat=True))
        return {at: slug for at, slug in enumerate(slugs) if slug in known}

    def hold(self) -> None:
        """The unique slug holds; whoever is second is told that it is there."""

    def write(self, items: Sequence[Item], *, batch: int, actor: Actor, now: datetime) -> None:
        for item in items:
            values = {name: value for name, value in item.record.items() if name != "name"}
            try:
                operations.create_automation(slug=slug_at(item.key), name=item.label, actor=actor, now=now, **values)
            except Conflict as taken:
                raise IntegrityError(taken.message) from taken


def open_reader(options: Options, principal: Principal | None, now: datetime) -> AutomationReader:
    people: dict[str, list[Person]] = {}
    for person in Person.objects.filter(is_active=True):
        for word in {person.username.casefold(), person.email.casefold(), person.name.casefold()} - {""}:
            people.setdefault(word, []).append(person)
    rows, seen = Team.objects.all(), visible_teams(principal) if principal is not None else None
    teams = rows if seen is None else rows.filter(pk__in=seen)
    by_word = {word.casefold(): team for team in teams for word in (team.name, team.slug)}
    return AutomationReader(RowReader(people, by_word, now))


def look_back(keys: Sequence[str], last_entry: int) -> Undoing:
    """What undoing would take out, and what it would keep: an automation somebody has touched since."""
    key_of = {slug_at(key): key for key in keys}
    slugs = list(key_of)
    kept: dict[str, str] = {}
    for at in range(0, len(slugs), SLICE):
        entries = Entry.objects.filter(
            subject_type="automation", subject_id__in=slugs[at : at + SLICE], id__gt=last_entry
        )
        for entry in entries.select_related("detail").order_by("id"):
            kept.setdefault(key_of[entry.subject_id], sentence(entry))
    return Undoing([key for key in keys if key not in kept], kept)


def remove(keys: Sequence[str], last_entry: int, *, file_name: str, actor: Actor, now: datetime) -> Undoing:
    """Delete what is untouched, with a line in the trail for each; in the caller's transaction."""
    key_of = {slug_at(key): key for key in keys}
    locked = list(Automation.objects.select_for_update(of=("self",)).filter(slug__in=list(key_of)).order_by("pk"))
    done = look_back(keys, last_entry)
    kept, removed = dict(done.kept), []
    for automation in locked:
        key = key_of[automation.slug]
        if key in kept:
            continue
        try:
            automation.delete()
        except ProtectedError:
            kept[key] = "Other records refer to it."
            continue
        note(automation, "automation.removed", actor, now, extra={"file": file_name})
        removed.append(key)
    return Undoing(removed, kept)


KIND = Kind(
    name="automations",
    nouns=("automation", "automations"),
    namespace="catalog",
    scope="catalog:write",
    modes={"as drafts": "in service only once somebody activates them"},
    live_scope="catalog:write",
    fields=FIELDS,
    shown=("Name", "Slug", "Tier", "Owner", "Team"),
    options_form=OptionsForm,
    reader=open_reader,
    look_back=look_back,
    remove=remove,
    address=lambda key: reverse("catalog:automation", args=[slug_at(key)]),
    keeps_extras=False,
)
