"""The main navigation: what a person may use, in order, with the current page marked."""

from types import SimpleNamespace
from typing import Any

import pytest

from opsportal import clock
from opsportal.web import checks, navigation


@pytest.fixture(autouse=True)
def entries(monkeypatch):
    monkeypatch.setattr(navigation, "_entries", {})


def request_of(path="/", *scopes) -> Any:
    person = SimpleNamespace(is_authenticated=True, allows=lambda scope: scope in scopes)
    return SimpleNamespace(path=path, user=person)


def links(request):
    return [(group.label, link.label) for group in navigation.for_request(request, clock.now()) for link in group.links]


def test_entries_stand_in_their_order_grouped(settings):
    navigation.register("Set-up", "Guide", "web:styleguide", order=90)
    navigation.register("Work", "Theme", "web:theme", order=10)
    assert links(request_of()) == [("Work", "Theme"), ("Set-up", "Guide")]


def test_an_entry_with_a_scope_is_for_those_who_have_it():
    navigation.register("Work", "Guide", "web:styleguide", order=1, scope="audit:read")
    assert links(request_of("/")) == []
    assert links(request_of("/", "audit:read")) == [("Work", "Guide")]


def test_nobody_signed_in_sees_none():
    navigation.register("Work", "Guide", "web:styleguide", order=1)
    stranger: Any = SimpleNamespace(path="/", user=SimpleNamespace(is_authenticated=False))
    assert navigation.for_request(stranger, clock.now()) == []


def test_the_page_below_an_entry_marks_it():
    navigation.register("Work", "Guide", "web:styleguide", order=1, count=lambda person, now: 3)
    (group,) = navigation.for_request(request_of("/styleguide/7/"), clock.now())
    assert (group.links[0].is_current, group.links[0].count) == (True, 3)


def test_an_entry_that_leads_nowhere_is_told_at_start_and_not_shown():
    navigation.register("Work", "Gone", "nowhere:list", order=1)
    assert links(request_of()) == []
    assert [found.id for found in checks.navigation_leads_somewhere(None)] == ["web.W001"]
