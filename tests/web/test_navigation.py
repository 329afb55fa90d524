"""The main navigation: what a person may use, in order, with the current page marked."""

from types import SimpleNamespace
from typing import Any

import pytest

from opsportal import clock
from opsportal.identity.models import Person, Team
from opsportal.web import checks, navigation
from tests.factories.identity import make_person, make_team


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


@pytest.mark.django_db
def test_rows_of_several_entries_are_counted_in_one_statement(django_assert_num_queries):
    make_team("revops"), make_team("support"), make_person("kim")
    navigation.register("Work", "Guide", "web:styleguide", order=1, count=lambda person, now: Team.objects.all())
    navigation.register("Work", "Theme", "web:theme", order=2, count=lambda person, now: Person.objects.all())
    navigation.register("Now", "Home", "portal:cockpit", order=3, count=lambda person, now: Team.objects.none())
    navigation.register("Now", "Inbox", "notify:inbox", order=4, count=lambda person, now: 7)
    with django_assert_num_queries(1):
        groups = navigation.for_request(request_of(), clock.now())
    shown = {link.label: link.count for group in groups for link in group.links}
    assert shown == {"Guide": 2, "Theme": 1, "Home": 0, "Inbox": 7}


def test_an_entry_that_leads_nowhere_is_told_at_start_and_not_shown():
    navigation.register("Work", "Gone", "nowhere:list", order=1)
    assert links(request_of()) == []
    assert [found.id for found in checks.navigation_leads_somewhere(None)] == ["web.W001"]
