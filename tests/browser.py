"""Pages in the system's Chromium: what the console and the Content-Security-Policy say, axe-core's findings, pictures.

@pytest.mark.browser
def test_the_inbox(visitor, live_server):
    visitor.sign_in(person)
    visitor.open("/inbox/")
    visitor.check()            # console, CSP, axe in light and dark, wide and 390 px; fails with a readable list
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
WIDE, PHONE = (1280, 900), (390, 844)
SCHEMES = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# Runs before the page's own scripts; a violation that fires while the page is being parsed is kept, too.
LISTEN = """window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.__violations.push(
  `${event.violatedDirective}: ${event.blockedURI || event.sample} at ${event.sourceFile}:${event.lineNumber}`));"""


class Visitor:
    """One person's browser window on the running server; keeps what went wrong since it was opened."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        width, height = options.pop("size", WIDE)
        self.address = address.rstrip("/")
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=self.address, **options
        )
        self.context.add_init_script(LISTEN)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        self.page.on("response", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.errors.append(f"console: {message.text}")

    def _see(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.errors.append(f"{response.status}: {response.url}")

    def sign_in(self, person: Any) -> None:
        """A session for this person, as signing in makes one; the sign-in page itself has its own tests."""
        client = Client()
        client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.address}
        self.context.add_cookies([cookie])  # type: ignore[list-item]

    def open(self, path: str) -> Response:
        response = self.page.goto(path, wait_until="load")
        assert response is not None
        return response

    def check(self, *, axe: bool = True) -> None:
        """Fails with everything that is wrong with the page as it stands, in every scheme and width."""
        problems = self.errors + self.violations() + (self.axe_findings() if axe else [])
        assert not problems, f"{self.page.url}\n" + "\n".join(problems)

    def violations(self) -> list[str]:
        return [f"CSP {text}" for text in self.page.evaluate("window.__violations ?? []")]

    def axe_findings(self) -> list[str]:
        """One line per finding: scheme, width, rule, the element, why."""
        size = self.page.viewport_size
        found = [line for width in (WIDE, PHONE) for scheme in SCHEMES for line in self._axe(scheme, width)]
        self.page.emulate_media(color_scheme=None)
        if size:
            self.page.set_viewport_size(size)
        return found

    def _axe(self, scheme: Any, size: tuple[int, int]) -> list[str]:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)
        if not self.page.evaluate("typeof window.axe === 'object'"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger's door: no policy is loosened for it
        options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        result = self.page.evaluate("options => axe.run(document, options)", options)
        scrolls = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        lines = [f"{scheme} {size[0]}px: the page scrolls sideways"] if scrolls else []
        return lines + [
            f"{scheme} {size[0]}px: {finding['id']} at {' '.join(map(str, node['target']))}: {node['failureSummary']}"
            for finding in result["violations"]
            for node in finding["nodes"]
        ]

    def screenshot(self, name: str, *, scheme: Any = "light", size: tuple[int, int] = WIDE) -> Path | None:
        """A picture of the whole page in the folder named by SCREENSHOTS; nothing where it is not set."""
        if not (folder := os.environ.get("SCREENSHOTS")):
            return None
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)
        target = Path(folder) / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}-{scheme}-{size[0]}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=target, full_page=True)
        return target


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(autouse=True, scope="session")
def _files_come_from_the_portal() -> Iterator[None]:
    """The live server would answer /static/ itself and knows no hashed names; the portal's own middleware does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StaticFilesHandler, "_should_handle", lambda self, path: False)
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        message = "not run: Chromium is not installed (Debian: apt-get install chromium)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    # Playwright keeps an event loop running in this thread, which Django would take for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    database = connections["default"]
    with sync_playwright() as playwright:
        connections["default"] = database  # while a loop runs Django looks for connections elsewhere and opens a second
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser, live_server: Any) -> Iterator[Visitor]:
    """A window without a session; `sign_in` gives it one."""
    window = Visitor(chromium, live_server.url)
    yield window
    window.context.close()


@pytest.fixture
def visitor_without_javascript(chromium: Browser, live_server: Any) -> Iterator[Visitor]:
    window = Visitor(chromium, live_server.url, java_script_enabled=False)
    yield window
    window.context.close()
