"""The main navigation: every room registers its entries from `AppConfig.ready`; nothing here knows the rooms."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, QuerySet, Value
from django.db.models import Count as CountOf
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

Count = Callable[[Any, datetime], int | QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. `count(person, now)` is shown beside it when it is not zero: how many need attention there. It gives
    a number, or the rows: those of all entries are counted in one statement.
    """

    group: str
    label: str
    url_name: str
    order: int
    scope: str = ""
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one person sees it on one page."""

    label: str
    url: str
    is_current: bool
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    links: list[Link]


_entries: dict[str, Entry] = {}


def register(group: str, label: str, url_name: str, *, order: int, scope: str = "", count: Count | None = None) -> None:
    """Add a link. Groups stand in the order of their first entry; without the scope a person does not see it."""
    _entries[url_name] = Entry(group, label, url_name, order, scope, count)


def entries() -> list[Entry]:
    return sorted(_entries.values(), key=lambda entry: (entry.order, entry.label))


def note(request: HttpRequest, **numbers: int) -> None:
    """What a page has counted itself, by url name: it is not counted again beside the link."""
    request.counted = {**getattr(request, "counted", {}), **numbers}  # type: ignore[attr-defined]


def for_request(request: HttpRequest, now: datetime) -> list[Group]:
    """The groups a signed-in person may use, with the current page marked (longest matching address)."""
    person = getattr(request, "user", None)
    if person is None or not person.is_authenticated:
        return []
    reachable = [(entry, url) for entry, url in _addresses() if _may_use(person, entry)]
    current = _current(request.path, [url for _, url in reachable])
    groups: dict[str, list[Link]] = {}
    numbers = _counted(request, [entry for entry, _ in reachable], now)
    for entry, url in reachable:
        link = Link(entry.label, url, url == current, numbers.get(entry.url_name, 0))
        groups.setdefault(entry.group, []).append(link)
    return [Group(label, links) for label, links in groups.items()]


def _counted(request: HttpRequest, among: list[Entry], now: datetime) -> dict[str, int]:
    numbers: dict[str, int] = dict(getattr(request, "counted", {}))
    rows: dict[str, QuerySet[Any]] = {}
    for entry in among:
        if entry.count is not None and entry.url_name not in numbers:
            found = entry.count(request.user, now)
            if isinstance(found, QuerySet):
                rows[entry.url_name] = found
            else:
                numbers[entry.url_name] = found
    return numbers | _count_at_once(rows)


def _count_at_once(rows: dict[str, QuerySet[Any]]) -> dict[str, int]:
    """One UNION ALL of counts, each row with the name it is for."""
    counts = [_count_of(name, found) for name, found in rows.items()]
    return dict(counts[0].union(*counts[1:], all=True)) if counts else {}


def _count_of(name: str, found: QuerySet[Any]) -> QuerySet[Any, Any]:
    named = found.order_by().annotate(link=Value(name, CharField())).values("link")
    counted: QuerySet[Any, Any] = named.annotate(number=CountOf("pk")).values_list("link", "number")
    return counted


def _addresses() -> Iterator[tuple[Entry, str]]:
    """Entries with their address. A name that does not resolve is left out here and told by a system check."""
    for entry in entries():
        try:
            yield entry, reverse(entry.url_name)
        except NoReverseMatch:
            continue


def _may_use(person: Any, entry: Entry) -> bool:
    return not entry.scope or person.allows(entry.scope)


def _current(path: str, urls: list[str]) -> str:
    matching = [url for url in urls if path == url or (url != "/" and path.startswith(url))]
    return max(matching, key=len, default="")
