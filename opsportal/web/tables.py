"""Tables: declared columns, sortable by link, cards at phone width, and plain values for CSV.

Rows stand at `#row-<pk>`; the column marked `primary` names the row and links to the record.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import django_tables2
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString
from django_tables2 import utils

from opsportal.web.templatetags import ui

_signature, _signatures = utils.signature, dict[Any, Any]()


def _known_signature(function: Any) -> Any:
    """The library asks for each cell anew what its renderer takes, which never changes."""
    key = getattr(function, "__func__", function)
    if key not in _signatures:
        _signatures[key] = _signature(function)
    return _signatures[key]


utils.signature = _known_signature


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head. `sorted_as` as aria-sort says it; `sort_by` is what `?sort=` becomes on a click."""

    label: Any
    classes: str
    sorted_as: str
    sort_by: str


class Table(django_tables2.Table):
    """Base of every table. `caption` is read to screen readers; empty lists say why and whether that is good.
    `page_size` rows stand on a page.
    """

    caption = ""
    page_size = 50
    empty_title = "Nothing here"
    empty_sentence = ""
    empty_tone = "calm"
    is_filtered = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Empty cells get a dash, whatever a subclass's Meta says besides."""
        super().__init_subclass__(**kwargs)
        cls._meta.default = "–"

    @property
    def head(self) -> list[Head]:
        return [_head(column) for column in self.columns]

    @property
    def body(self) -> Iterator[tuple[str, list[tuple[SafeString, Any]]]]:
        """The id of each row with its cells. What is the same for a whole column is worked out once.
        Cells without a value say so, for narrow screens to leave them out.
        """
        blank = self._meta.default
        filled = [_cell_attributes(column) for column in self.columns]
        empty = [_cell_attributes(column, "blank") for column in self.columns]
        for row in self.paginated_rows:
            cells = [(empty[at] if cell == blank else filled[at], cell) for at, cell in enumerate(row)]
            yield row_id(row.record), cells


def _head(column: Any) -> Head:
    classes = str(column.attrs["th"].get("class", ""))
    order = {"asc": "ascending", "desc": "descending"}
    sorted_as = next((order[word] for word in classes.split() if word in order), "")
    return Head(column.header, classes, sorted_as, column.order_by_alias.next if column.orderable else "")


def _cell_attributes(column: Any, *marks: str) -> SafeString:
    label = strip_tags(str(column.header))
    classes = " ".join(filter(None, (column.attrs["td"].get("class", ""), *marks)))
    return format_html(' class="{}" data-label="{}"', classes, label)


def row_id(record: Any) -> str:
    """The fragment a row stands at."""
    key = record.get("pk", record.get("id", "")) if isinstance(record, dict) else getattr(record, "pk", "")
    return f"row-{key}"


class Column(django_tables2.Column):
    """A text column. `primary=True` makes it the row's name: bold, linked, the title of the card on a phone."""

    def __init__(self, *args: Any, primary: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if primary:
            self.attrs: dict[str, Any] = {**self.attrs, "td": {**self.attrs.get("td", {}), "class": "primary"}}


class NumberColumn(Column):
    """Right-aligned, tabular figures, thousands separated; CSV gets the bare number."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attrs = {**self.attrs, "th": {"class": "number"}, "td": {"class": "number"}}

    def render(self, value: Any) -> str:
        return f"{value:,}"

    def value(self, value: Any) -> Any:
        return value


class WhenColumn(Column):
    """An instant, relative with the absolute time below; CSV gets ISO 8601 in UTC."""

    def render(self, value: Any) -> SafeString:
        return ui.when_html(value)

    def value(self, value: Any) -> Any:
        return value


class DueColumn(WhenColumn):
    """A deadline: `due in 4 min`, `12 min late` with its tone."""

    def render(self, value: Any) -> SafeString:
        return ui.due_html(value)


class DurationColumn(NumberColumn):
    """A length in seconds as words; CSV gets seconds."""

    def render(self, value: Any) -> SafeString:
        return ui.duration(value)


class BadgeColumn(Column):
    """A state as shape, word and colour. `tone(value)` answers good, warn, bad or calm."""

    def __init__(self, *args: Any, tone: Callable[[Any], str], word: Callable[[Any], str] = str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tone, self.word = tone, word

    def render(self, value: Any) -> SafeString:
        return ui.badge(self.word(value), self.tone(value))

    def value(self, value: Any) -> Any:
        return self.word(value)


class SwitchColumn(BadgeColumn):
    """Whether it is on or off."""

    def __init__(self, **kwargs: Any) -> None:
        tone, word = (lambda on: "good" if on else "calm"), (lambda on: "on" if on else "off")
        super().__init__(tone=tone, word=word, **kwargs)


class PersonColumn(Column):
    """A person with initials; CSV gets the username."""

    def render(self, value: Any) -> SafeString:
        return ui.person(value)

    def value(self, value: Any) -> Any:
        return getattr(value, "username", str(value))


class SelectColumn(django_tables2.Column):
    """A checkbox a row, belonging to the form `bulk` (web/bulk_bar.html); left out of CSV."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cell = {"class": "select"}
        defaults = {
            "accessor": "pk",
            "orderable": False,
            "exclude_from_export": True,
            "attrs": {"td": cell, "th": cell},
        }
        super().__init__(*args, **{**defaults, **kwargs})

    @property
    def header(self) -> SafeString:
        return SafeString('<span class="visually-hidden">Select</span>')

    def render(self, value: Any, record: Any) -> SafeString:
        return format_html(
            '<input type="checkbox" name="selected" value="{}" form="bulk" aria-label="Select {}">', value, record
        )


class LinkColumn(Column):
    """Text linked to `reverse(url_name, args=[<attribute named key>])`."""

    def __init__(self, url_name: str, *args: Any, key: str = "pk", **kwargs: Any) -> None:
        def address(record: Any) -> str:
            return reverse(url_name, args=[getattr(record, key)])

        super().__init__(*args, **{"linkify": address, "primary": True, **kwargs})


class TemplateColumn(Column):
    """A cell drawn by a partial that gets `record` and `value`; CSV gets the value."""

    def __init__(self, template: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.template = template

    def render(self, value: Any, record: Any) -> SafeString:
        return render_to_string(self.template, {"value": value, "record": record})

    def value(self, value: Any) -> Any:
        return value
