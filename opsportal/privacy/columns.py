"""Every column of every table that can hold words: searched for a person's keys, and cleared of them.

A column is left out only by its kind (an enumeration, a slug, a primary key) or by an entry with its reason in
opsportal.audit.erasers: what is added later is covered by itself.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Field, Model, TextField
from django.db.models.functions import Cast

from opsportal.audit import erasers
from opsportal.audit.engine import Actor
from opsportal.audit.erasers import INSIDE, Erased, Kept, Sought
from opsportal.audit.mentions import ERASED, Mentions
from opsportal.audit.seeking import conditions

SHORTEST = len(ERASED)


def erase_texts(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """What no room speaks of: the keys taken out of all other texts, counted by table; or where they stand."""
    counts: dict[str, int] = {}
    kept = Kept()
    named = erasers.left_to_people()
    for model, fields in searched_tables():
        table = model._meta.db_table
        spared = sought.found.spared.get(table, frozenset())
        for row in _rows_with(model, fields, sought.mentions):
            if row["pk"] in spared:
                continue
            changes = _without(model, fields, row, sought.mentions)
            left = {name for name in changes if table in named or f"{table}.{name}" in named}
            for name in sorted(left):
                kept.note(f"{table}.{name}", row["pk"], named.get(table) or named[f"{table}.{name}"])
            if changes.keys() - left:
                counts[table] = counts.get(table, 0) + 1
                if not is_look:
                    values = {name: value for name, value in changes.items() if name not in left}
                    model._base_manager.filter(pk=row["pk"]).update(**values)
            elif not left:
                kept.note(table, row["pk"], INSIDE)
    return Erased(counts, kept.said())


def searched_tables() -> Iterator[tuple[type[Model], list[Field[Any, Any]]]]:
    """Each table with its columns that can hold words, those included that people clear by hand."""
    passed = erasers.passed_over()
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if model._meta.proxy or table in passed:
            continue
        fields = [one for one in model._meta.local_concrete_fields if _holds_words(one)]
        fields = [one for one in fields if f"{table}.{one.name}" not in passed]
        if fields:
            yield model, fields


def _holds_words(field: Field[Any, Any]) -> bool:
    if field.primary_key or field.choices or isinstance(field, models.SlugField):
        return False
    if isinstance(field, models.CharField):
        return field.max_length is None or field.max_length >= SHORTEST
    return isinstance(field, (models.TextField, models.JSONField))


def _rows_with(model: type[Model], fields: list[Field[Any, Any]], mentions: Mentions) -> Iterator[dict[str, Any]]:
    """Rows of which a text contains a spelling, each once; JSON is looked at as the text it is stored as."""
    found = model._base_manager.all()
    json_names = [one.name for one in fields if isinstance(one, models.JSONField)]
    found = found.annotate(**{f"{name}_as_text": Cast(name, TextField()) for name in json_names})
    looked_at = [f"{one.name}_as_text" if one.name in json_names else one.name for one in fields]
    seen = set[Any]()
    for condition in conditions(looked_at, mentions):
        for row in found.filter(condition).order_by("pk").values("pk", *(one.name for one in fields)):
            if row["pk"] not in seen:
                seen.add(row["pk"])
                yield row


def _without(
    model: type[Model], fields: list[Field[Any, Any]], row: dict[str, Any], mentions: Mentions
) -> dict[str, Any]:
    """The columns that change. A column that has to be unique gets a name of its own instead of a remark."""
    changes: dict[str, Any] = {}
    for field in fields:
        value = row[field.name]
        if not mentions.stand_in(value):
            continue
        if field.name in _unique(model):
            changes[field.name] = f"erased:{row['pk']}"[: field.max_length]
        else:
            cleared = mentions.taken_out_of(value)
            changes[field.name] = cleared[: field.max_length] if isinstance(cleared, str) else cleared
    return changes


def _unique(model: type[Model]) -> set[str]:
    constraints = [one for one in model._meta.constraints if isinstance(one, models.UniqueConstraint)]
    together = {name for one in constraints for name in one.fields}
    return together | {one.name for one in model._meta.local_concrete_fields if one.unique}
