"""The browser harness must find what it is there to find: each fault is put into a page on purpose."""

import pytest
from playwright.sync_api import Browser

from tests.browser import Visitor
from tests.receivers import Answer, HttpReceiver

HEADERS = {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'self'; img-src 'self' data:"}
PAGE = "<!doctype html><html lang=en><title>t</title><link rel=icon href=data:,><main><h1>Page</h1>{}</main></html>"


def _visit(chromium: Browser, markup: str, headers: dict[str, str] = HEADERS) -> str:
    with HttpReceiver(lambda request: _page(request.path, markup, headers)) as server:
        visitor = Visitor(chromium, server.url)
        visitor.open("/")
        try:
            visitor.check()
        except AssertionError as problems:
            return str(problems)
        finally:
            visitor.context.close()
    return ""


def _page(path: str, markup: str, headers: dict[str, str]) -> Answer:
    if path != "/":
        return Answer(404)
    return Answer(200, PAGE.format(markup).encode(), headers)


def test_it_finds_nothing_on_a_good_page(chromium: Browser) -> None:
    assert _visit(chromium, "<p>Everything is fine.</p>") == ""


@pytest.mark.parametrize(
    ("markup", "complaint"),
    [
        ("<p style='color: red'>x</p>", "CSP style-src"),
        ("<script>1</script>", "CSP script-src"),
        ("<img alt=x src=/missing.png>", "404"),
        ("<img src=data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==>", "image-alt"),
        ("<p><a href=/></a></p>", "link-name"),
        ("<pre>" + "wide " * 100 + "</pre>", "390px: the page scrolls sideways"),
    ],
)
def test_it_finds_what_is_wrong(chromium: Browser, markup: str, complaint: str) -> None:
    assert complaint in _visit(chromium, markup)


def test_it_finds_a_script_that_fails_and_a_contrast_that_is_too_low_in_the_dark(chromium: Browser) -> None:
    html = {"Content-Type": "text/html"}
    assert "script: oh" in _visit(chromium, "<script>throw new Error('oh')</script>", html)
    dark = "<style>@media (prefers-color-scheme: dark) { p { color: #ddd } }</style><p>Pale</p>"
    assert "dark 1280px: color-contrast" in _visit(chromium, dark, html)
