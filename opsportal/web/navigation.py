"""The main navigation: every room registers its entries from `AppConfig.ready`; nothing here knows the rooms."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

Count = Callable[[Any, datetime], int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. `count(person, now)` is shown beside it when it is not zero: how many need attention there."""

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
    counted: dict[str, int] = getattr(request, "counted", {})
    for entry, url in reachable:
        number = counted.get(entry.url_name)
        if number is None:
            number = entry.count(person, now) if entry.count else 0
        groups.setdefault(entry.group, []).append(Link(entry.label, url, url == current, number))
    return [Group(label, links) for label, links in groups.items()]


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
