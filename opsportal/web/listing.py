"""A list page: filters, sorting, fifty rows a page, the same rows as CSV, saved filters, bulk actions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from opsportal.web import csv
from opsportal.web.bulk import BulkAction
from opsportal.web.filters import FilterSet
from opsportal.web.tables import Table

COUNT_LIMIT = 10_000
CSV_CHUNK = 1_000
CsvRows = Callable[[Any], tuple[list[str], Iterator[list[Any]]]]


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A kept query string of one page, as shown in the filter bar."""

    name: str
    url: str
    delete_url: str = ""
    is_shared: bool = False


SavedFilters = Callable[[HttpRequest, str], list[SavedFilter]]
_saved_filters: list[SavedFilters] = []


def register_saved_filters(provider: SavedFilters) -> None:
    """The room that keeps saved filters answers them for a request and a page (its path)."""
    _saved_filters[:] = [provider]


class CappedPaginator(Paginator[Any]):
    """Counts up to COUNT_LIMIT and no further: a page of a large table never counts the whole table."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        rows = getattr(getattr(rows, "data", rows), "data", rows)
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
        return len(rows)

    def page(self, number: int | str) -> Page[Any]:
        """The rows of one page: the keys are sorted and cut first, and only those few rows are then read with names."""
        page = super().page(number)
        rows = page.object_list
        if isinstance(found := getattr(rows, "data", None), QuerySet):
            rows.data = _by_key(found)  # type: ignore[attr-defined]
        return page

    @property
    def is_capped(self) -> bool:
        return self.count > COUNT_LIMIT

    @property
    def total(self) -> str:
        """`312`, or `10,000+` where counting stopped."""
        return f"{COUNT_LIMIT:,}+" if self.is_capped else f"{self.count:,}"


def _by_key(cut: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows in the same order by one statement that sorts keys instead of whole rows."""
    if not cut.query.is_sliced or cut.query.distinct or cut.query.combinator:
        return cut
    rows = cut.all()
    rows.query.clear_limits()
    return rows.filter(pk__in=cut.values("pk"))


def list_page(
    request: HttpRequest,
    *,
    queryset: QuerySet[Any],
    table_class: type[Table],
    filter_class: type[FilterSet],
    template: str = "web/list.html",
    title: str,
    context: dict[str, Any] | None = None,
    csv_name: str = "",
    csv_rows: CsvRows | None = None,
    bulk_actions: list[BulkAction] | None = None,
) -> HttpResponseBase:
    """Answer a list page, or its rows as CSV for `?format=csv`: what the table shows, or what `csv_rows` makes of them.

    Refused query values are shown at their field with status 400; an unknown sort column or page number as well.
    """
    filters = filter_class(request.GET, queryset=queryset, request=request)
    form_is_valid = filters.form.is_valid()
    table = table_class(filters.qs)
    table.is_filtered = any(request.GET.get(name) for name in filters.filters)
    problem = _sort(table, request.GET.get("sort", ""))
    if request.GET.get("format") == "csv" and csv_name and form_is_valid and not problem:
        return csv.stream(csv_name, *(csv_rows(table.data.data) if csv_rows else _rows(table_class, table)))
    problem = _turn_to_page(table, request.GET.get("page", "1")) or problem
    page = {
        "title": title,
        "filters": filters,
        "table": table,
        "problem": problem,
        "has_filters": table.is_filtered,
        "csv_url": _with(request, format="csv", page=None) if csv_name else "",
        "here": request.get_full_path(),
        "saved_filters": [each for provider in _saved_filters for each in provider(request, request.path)],
        "can_save_filters": bool(_saved_filters),
        "query": _with(request, page=None, format=None).lstrip("?"),
        "bulk_actions": bulk_actions or [],
        **(context or {}),
    }
    return render(request, template, page, status=200 if form_is_valid and not problem else 400)


def _sort(table: Table, wanted: str) -> str:
    """Apply `?sort=`; the answer is a sentence when a column cannot be sorted by."""
    if not wanted:
        return ""
    names = [part.lstrip("-") for part in wanted.split(",")]
    if all(name in table.columns and table.columns[name].orderable for name in names):
        table.order_by = wanted.split(",")
        return ""
    return "This list cannot be sorted that way. It is shown in its usual order."


def _turn_to_page(table: Table, wanted: str) -> str:
    """Cut the table to one page; the answer is a sentence when there is no such page."""
    table.paginate(paginator_class=CappedPaginator, per_page=table.page_size)
    paginator = table.paginator
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 7 and 1 <= int(wanted) <= paginator.num_pages:
        table.page = paginator.page(int(wanted))
        return ""
    return "There is no such page. This is the first one."


def _rows(table_class: type[Table], table: Table) -> tuple[list[str], Iterator[list[Any]]]:
    """Header and rows of the CSV: what the table shows, without what only makes sense on a page."""
    columns = [c for c in table.columns.iterall() if not c.column.exclude_from_export and c.column.visible]
    names = [column.name for column in columns]

    def rows() -> Iterator[list[Any]]:
        found = table.data.data
        records = found.iterator(chunk_size=CSV_CHUNK) if isinstance(found, QuerySet) else iter(found)
        while chunk := list(islice(records, CSV_CHUNK)):
            for row in table_class(chunk).rows:
                yield [row.get_cell_value(name) for name in names]

    return [str(column.header) for column in columns], rows()


def _with(request: HttpRequest, **changes: str | None) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return f"?{query.urlencode()}"
