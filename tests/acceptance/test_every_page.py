"""Every page a person can reach by links: no policy violation, no axe finding, no script needed, small.

The pages are found by following links, so a page that somebody adds is held to this without being listed here.
"""

from collections import deque
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve

from tests.acceptance import world
from tests.browser import Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MAX_BYTES = 100_000
HELD: set[str] = set()  # pages that axe has seen: it need not look again for another role
LINKS = """[...document.querySelectorAll('a[href], form[method=get][action]')]
    .map(one => new URL(one.getAttribute('href') || one.getAttribute('action'), location).href)"""
# At least these must have been reached, whoever adds or removes links.
EXPECTED = {
    "ops_lead": {
        *("portal:cockpit", "handoffs:list", "handoffs:detail", "handoffs:act", "handoffs:create", "rules:list"),
        *("rates:hit-rate", "review:review", "review:reasons", "rules:what-if", "rules:calendar-check"),
        *("rules:detail", "rules:edit", "rules:create", "calendars:calendars", "calendars:calendar", "calendars:edit"),
        *("audit:list", "audit:entry", "approvals:list", "notify:inbox", "identity:people", "identity:person"),
        *("catalog:automations", "catalog:automation", "notify:webhooks", "integrations:integrations", "portal:trace"),
        *("runs:list", "runs:detail", "heartbeats:list", "heartbeats:detail", "slos:list", "slos:detail", "facts:list"),
        *("policy:page", "policy:decisions", "reports:budgets", "reports:executive", "reports:debug", "catalog:upkeep"),
        "figures:automation",
    },
    "analyst": {
        *("portal:cockpit", "handoffs:list", "handoffs:detail", "handoffs:act", "identity:account", "audit:list"),
        *("runs:list", "heartbeats:list", "slos:detail", "reports:debug"),
    },
    "viewer": {
        *("portal:cockpit", "handoffs:list", "handoffs:detail", "rules:detail", "identity:people"),
        *("reports:budgets", "reports:executive", "policy:page", "slos:detail", "catalog:automation"),
    },
    "admin": {"portal:cockpit", "identity:tokens", "identity:add_person", "admin:index"},
}


DOWNLOADS = (".csv", ".json", ".zip")
ELSEWHERE = ("/api/", "/static/", "/logout", "/admin/logout", "/admin/jsi18n")


def route(path: str) -> str | None:
    """The page a path leads to: one visit each is enough. Downloads and the way out are no pages."""
    parts = urlsplit(path)
    if "format=csv" in parts.query or parts.path.startswith(ELSEWHERE) or parts.path.endswith(DOWNLOADS):
        return None
    try:
        match = resolve(parts.path)
    except Resolver404:
        return None
    view = "board" if "view=board" in parts.query else ""
    return ":".join(filter(None, (match.view_name, str(match.kwargs.get("name", "")), view)))


def crawl(visitor: Visitor):
    """Open every reachable page once; yields its route, path and answer."""
    seen, waiting = {"/"}, deque(["/"])
    routes: set[str] = set()
    while waiting:
        path = waiting.popleft()
        name = route(path)
        if name is None or name in routes:
            continue
        routes.add(name)
        answer = visitor.open(path)
        yield name, path, answer
        for link in visitor.page.evaluate(LINKS):
            parts = urlsplit(link)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if f"{parts.scheme}://{parts.netloc}" == visitor.address and target not in seen:
                seen.add(target)
                waiting.append(target)


@pytest.fixture(autouse=True)
def _an_allowed_address(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]


@pytest.mark.parametrize("role", ["ops_lead", "analyst", "viewer", "admin"])
def test_every_page_is_clean_for(role, visitor):
    visitor.sign_in(world.build()[role])
    found, problems = set(), []
    for name, path, answer in crawl(visitor):
        found.add(name.split(":board")[0])
        if answer.status != 200:
            problems.append(f"{path} answers {answer.status}")
            continue
        size = len(answer.body())
        if size > MAX_BYTES:
            problems.append(f"{path} has {size} bytes")
        visitor.screenshot(f"{role}-{name}")
        for scheme, width in (("dark", (1280, 900)), ("light", (390, 844))):
            visitor.screenshot(f"{role}-{name}", scheme=scheme, size=width)
        own = visitor.errors + visitor.violations()  # before axe, which has words of its own for the console
        findings = [] if name in HELD else visitor.axe_findings()
        HELD.add(name)
        problems += [f"{path} {line}" for line in own + findings]
        visitor.errors.clear()
    assert not problems, "\n".join(problems)
    names = {":".join(name.split(":")[:2]) for name in found}
    assert not EXPECTED[role] - names, f"never reached: {EXPECTED[role] - names}"


def test_pages_read_and_forms_work_without_javascript(visitor_without_javascript):
    visitor = visitor_without_javascript
    visitor.sign_in(world.build()["analyst"])
    visitor.open("/handoffs/?state=late")
    visitor.page.get_by_role("link", name="Acme 2 asks for a demo").click()
    visitor.page.get_by_role("link", name="Note the response").click()
    visitor.page.get_by_label("Reason").fill("Called back")
    visitor.page.get_by_role("button", name="Note the response").click()
    assert visitor.page.get_by_text("Ana Kern answered: Called back.").count() == 1
