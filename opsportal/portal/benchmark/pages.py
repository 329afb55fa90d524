"""Asking for every page as one person, through Django's client: what the server does, without network or browser."""

import time
from collections.abc import Iterator
from datetime import datetime
from statistics import median
from typing import Any, TextIO

from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse

from handoffs.models import Handoff, Rule
from handoffs.models.handoffs import RUNNING
from opsportal.audit.models import Entry
from opsportal.identity.models import Person
from opsportal.notify.models import Delivery

QUERIES, MILLISECONDS, KILOBYTES, TIMES = 12, 200, 100, 5
# Doors, switches and documents: no page of the portal's own rows.
LEFT_OUT = {
    *("login", "logout", "web:theme", "api-schema", "api-docs"),
    *(f"admin:{name}" for name in ("jsi18n", "autocomplete", "login", "logout", "password_change_done")),
}
HANDOFFS = (
    *(
        "?view=board",
        "?view=board&owner=bench-5",
        "?state=running",
        "?state=late",
        "?state=breached",
        "?state=completed",
    ),
    *("?q=renewal", "?q=renewal+of+ab12", "?q=zzzz+nowhere", "?owner=bench-5", "?rule=bench-2", "?channel=chat"),
    *("?sort=subject", "?sort=due_at", "?sort=-owner", "?sort=rule", "?page=100", "?since=2020-01-01", "?format=csv"),
)
API = ("?limit=500", "?missed=true", "?breached=false", "?state=open", "?search=renewal", "?search=nowhere+zzzz",
       "?owner=bench-5", "?ordering=due_at", "?ordering=-ingested_at")  # fmt: skip
AUDIT = ("?q=lead", "?action=handoff.responded", "?page=100", "?sort=at")


def samples(now: datetime) -> list[str]:
    """Every page without a key in its address, the changelists of the admin, and one page for each kind of record."""
    found = [address for name, address in _plain_pages(get_resolver()) if name not in LEFT_OUT]
    found += [f"{reverse('handoffs:list')}{query}" for query in HANDOFFS]
    found += [f"{reverse('handoff-list')}{query}" for query in API]
    found += [f"{reverse('audit:list')}{query}" for query in AUDIT]
    found += [f"{reverse('portal:search')}?q={text}" for text in ("renewal", "ref-1-7", "nowhere zzzz")]
    found += list(_records())
    return sorted(dict.fromkeys(found))


def measure(out: TextIO, person: Person, addresses: list[str]) -> None:
    """One line a page, the slowest first; what this person may not see is left out."""
    client = Client(headers={"host": "localhost"})
    client.force_login(person)
    lines = [line for line in (_line(client, address) for address in addresses) if line is not None]
    over = sum(line[0] for line in lines)
    out.write(f"\n{person.name} ({len(lines)} pages, {over} over a budget)\n queries      ms      kB  page\n")
    for is_over, _, text in sorted(lines, key=lambda line: -line[1]):
        out.write(f"{text}{'  <--' if is_over else ''}\n")


def _line(client: Client, address: str) -> tuple[bool, float, str] | None:
    status, _ = _get(client, address)
    if status != 200:
        return None
    queries: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        _get(client, address)
    rounds, size = [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        _, size = _get(client, address)
        rounds.append((time.perf_counter() - began) * 1000)
    spent, size_kb = median(rounds), size / 1000
    is_over = len(queries) > QUERIES or spent > MILLISECONDS or size_kb > KILOBYTES and not address.startswith("/api/")
    return is_over, spent, f"{len(queries):8} {spent:7.0f} {size_kb:7.1f}  {address}"


def _get(client: Client, address: str) -> tuple[int, int]:
    """Status and size; of a stream the first piece, which is what somebody waits for."""
    answer: Any = client.get(address)
    if not answer.streaming:
        return answer.status_code, len(answer.content)
    first = next(iter(answer.streaming_content), b"")
    answer.close()
    return answer.status_code, len(first)


def _plain_pages(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _plain_pages(each, f"{namespace}{each.namespace}:" if each.namespace else namespace)
        elif each.name:
            name = f"{namespace}{each.name}"
            if name.startswith("admin:") and name.endswith("_add"):
                continue
            try:
                yield name, reverse(name)
            except NoReverseMatch:
                continue


def _records() -> Iterator[str]:
    running = Handoff.objects.filter(RUNNING).order_by("missed_from").first()
    ended = Handoff.objects.filter(state="completed").order_by("-started_at").first()
    rule, entry = Rule.objects.first(), Entry.objects.first()
    for handoff in filter(None, (running, ended)):
        yield handoff.get_absolute_url()
        yield reverse("handoffs:act", args=[handoff.pk, "reassign"])
        yield reverse("portal:trace", args=[handoff.trace_id])
        yield reverse("handoff-detail", args=[handoff.pk])
        yield reverse("handoff-timeline", args=[handoff.pk])
        yield reverse("admin:handoffs_handoff_change", args=[handoff.pk])
    if rule is not None:
        yield reverse("rules:detail", args=[rule.slug])
        yield reverse("rules:edit", args=[rule.slug])
    if entry is not None:
        yield reverse("audit:entry", args=[entry.pk])
    yield reverse("identity:person", args=["bench-5"])
    yield reverse("calendars:calendar", args=["24x7"])
    yield reverse("catalog:automation", args=["bench-1"])
    delivery = Delivery.objects.order_by("-pk").first()
    if delivery is not None:
        yield reverse("notify:delivery", args=[delivery.pk])
    # `admin.site` is asked here, not when this is read: rooms register as they are loaded.
    yield from (reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist") for m in admin.site._registry)
