"""Rows of which a column names a data subject: asked of the database by parts of a text, decided by `Mentions`."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from opsportal.audit.mentions import Mentions

# SQLite takes an expression of a thousand terms, and ours is not the only one of a statement.
MOST_TERMS = 900


def conditions(columns: Sequence[str], mentions: Mentions) -> Iterator[Q]:
    """Which rows contain a spelling in one of these columns; several, so that no statement gets too long."""
    step = max(1, MOST_TERMS // len(columns))
    for start in range(0, len(mentions.needles), step):
        part = mentions.needles[start : start + step]
        yield reduce(or_, [Q(**{f"{column}__icontains": needle}) for column in columns for needle in part])


def rows_naming(rows: QuerySet[Any], *columns: str, mentions: Mentions) -> set[Any]:
    """The primary keys of rows that name them in one of these columns, in whatever letters."""
    found = set[Any]()
    for condition in conditions(columns, mentions):
        asked = rows.filter(condition).order_by().values_list("pk", *columns)
        found |= {pk for pk, *texts in asked if mentions.stand_in(texts)}
    return found
