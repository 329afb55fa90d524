"""How many facts wait, of every room."""

from django.db.models import CharField, Count, QuerySet, Value

from opsportal.facts import registry
from opsportal.facts.models import Fact


def count_unclaimed() -> dict[tuple[str, str], int]:
    """(room, kind): how many nobody has claimed or resolved, 0 where none waits. One statement."""
    counted = dict.fromkeys(((room_of(one), kind) for one in registry.sources() for kind in one.kinds), 0)
    rows = [_unclaimed(one) for one in registry.sources()]
    found = rows[0].union(*rows[1:], all=True) if rows else []
    return counted | {(room, kind): number for room, kind, number in found}


def room_of(source: registry.Source) -> str:
    return source.model._meta.app_label


def _unclaimed(source: registry.Source) -> "QuerySet[Fact, tuple[str, str, int]]":
    rows = source.model.objects.unclaimed().order_by().annotate(room=Value(room_of(source), CharField()))
    return rows.values_list("room", "kind").annotate(number=Count("pk"))
