"""The rows of an imported file, and what they can be narrowed by."""

from typing import Any

import django_filters
from django.urls import NoReverseMatch
from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsportal.imports.checking import reason
from opsportal.imports.models import ImportedRow
from opsportal.imports.registry import Kind
from opsportal.imports.states import TONES, RowState
from opsportal.web import tables
from opsportal.web.filters import FilterSet

WORDS = {
    RowState.CREATED: "imported",
    RowState.DUPLICATE: "there before",
    RowState.REFUSED: "left out",
    RowState.REMOVED: "taken out again",
    RowState.KEPT: "kept",
}


def word(state: str) -> str:
    return WORDS[RowState(state)]


class RowTable(tables.Table):
    """What became of each row. `of_kind` makes one whose rows lead to the records of that kind."""

    caption = "Rows"
    empty_title = "No rows"
    kind: Kind

    line = tables.NumberColumn("Line")
    label = tables.Column("Row", orderable=False)
    state = tables.BadgeColumn(tone=lambda state: TONES[state], word=word)
    problems = tables.Column("Why", orderable=False)

    class Meta:
        model = ImportedRow
        fields = ("line", "label", "state", "problems")

    def render_label(self, value: str, record: ImportedRow) -> str | SafeString:
        if not record.key or record.state == RowState.REMOVED:
            return value
        try:
            return format_html('<a href="{}">{}</a>', self.kind.address(record.key), value)
        except NoReverseMatch:
            return value

    def render_problems(self, value: Any) -> str:
        return reason(value)

    def value_problems(self, value: Any) -> str:
        return reason(value)


def table_of(kind: Kind) -> type[RowTable]:
    return type("RowTable", (RowTable,), {"kind": kind})


class RowFilterSet(FilterSet):
    state = django_filters.ChoiceFilter(
        label="Rows", choices=[(state.value, word(state)) for state in RowState], empty_label="Any"
    )

    class Meta(FilterSet.Meta):
        model = ImportedRow
        fields: list[str] = []
