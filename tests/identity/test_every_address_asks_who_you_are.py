"""Every address of the portal, walked from the route table: without a login it shows nothing but the way in."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters
from django.urls.resolvers import RoutePattern

pytestmark = pytest.mark.django_db

# What anonymous readers may open, and why. A new line here is a decision.
OPEN = {
    "login/": "the way in",
    "admin/login/": "leads to the way in",
    "logout/": "POST only; signs nobody out",
    "theme/": "POST only; light or dark before signing in",
    "admin/jsi18n/": "words of the admin's scripts, no data",
    "healthz/": "is the process there",
    "readyz/": "is the database there",
    "livez/sweeps/": "how old the sweeps are, no data",
}
# Addresses whose senders prove themselves by a key or a signature in the request: their room tests who gets in.
PROVES_ITSELF = (
    r"integrations/(?!$)|ping/|oncall/.+ics$|metrics/?$|shared/budgets/"
    r"|api/v[123]/(badges|channels|checks|status)\b|badge/|b/"  # the protocol of healthchecks.io, with its own refusals
)
SAMPLES = {
    "int": "1",
    "str": "x",
    "slug": "x",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "path": "x/y",
    "sha1": 40 * "0",
}
SHUT = {401, 403, 404, 405}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        address = prefix + filled_in(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, address)
        else:
            yield address


def filled_in(pattern: Any) -> str:
    """A concrete address for a route: converters get a sample, groups of a regular expression an `x` or a 1."""
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<(?:(\w+):)?\w+>", lambda match: sample(match[1] or "str"), str(pattern))
    text = re.sub(
        r"\(\?P<\w+>((?:[^()]|\([^()]*\))*)\)", lambda match: "1" if re.fullmatch(match[1], "1") else "x", str(pattern)
    )
    return re.sub(r"\(\?:\w+\|[^)]*\)|[\^$\\]|\(\?!.*?\)", "", text).replace(".*", "x").replace("?", "")


def sample(converter: str) -> str:
    return SAMPLES.get(converter) or next(
        s for s in SAMPLES.values() if re.fullmatch(get_converters()[converter].regex, s)
    )


ADDRESSES = sorted(set(routes(get_resolver().url_patterns)))


def test_the_walk_sees_the_whole_table():
    assert len(ADDRESSES) > 80
    assert {"login/", "people/", "people/x/", "api/v1/people/", "api/v1/people/1/", "admin/identity/person/"} <= set(
        ADDRESSES
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_login_every_address_stays_shut(method):
    walked = [address for address in ADDRESSES if address not in OPEN and not re.match(PROVES_ITSELF, address)]
    client = Client(raise_request_exception=False)
    complaints = [complaint for address in walked if (complaint := what_is_open(client, method, address))]
    assert not complaints, "\n".join(complaints)


def what_is_open(client: Client, method: str, address: str) -> str:
    """Why an anonymous request got further than it may; empty when it did not."""
    answer = client.generic(method, f"/{address}")
    said = f"{method} /{address}: {answer.status_code} {answer.headers.get('Location', '')}"
    if answer.status_code in (301, 302):
        return "" if answer["Location"].startswith(("/login/", "/admin/login/")) else said
    if address.startswith("api/"):
        is_problem = answer.headers.get("Content-Type") == "application/problem+json"
        return "" if answer.status_code in (401, 404) and is_problem else said
    return "" if answer.status_code in SHUT else said


def test_the_list_of_open_addresses_holds_no_address_that_is_gone():
    assert set(OPEN) <= set(ADDRESSES)
