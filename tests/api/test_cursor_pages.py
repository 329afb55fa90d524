"""Pages by cursor: every row once, in order, forwards and backwards, while rows come and go."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from opsportal.api.pagination import MAX_LIMIT, paginate
from opsportal.api.viewsets import _keys
from opsportal.identity.models import BrowserSession, Team
from tests.factories import api
from tests.factories import identity as make

BASE = datetime(2026, 11, 3, tzinfo=UTC)
ORDERS = ["began_at", "-began_at", "agent", "-agent,began_at", "began_at,-agent", "pk", "-pk"]


def page(order: str, limit: int, cursor: str | None):
    request = Request(APIRequestFactory().get("/x/"))
    rows = BrowserSession.objects.all()
    return paginate(rows, request, keys=_keys(rows, order.split(",")), limit=limit, cursor=cursor)


def cursor_of(address: str | None) -> str | None:
    return address.rpartition("cursor=")[2] if address else None


def walk(order: str, limit: int, *, back: bool = False) -> list[str]:
    """All keys from the first page to the last; with `back`, from the last to the first."""
    here = page(order, limit, None)
    pages = [here]
    while here.next:
        here = page(order, limit, cursor_of(here.next))
        pages.append(here)
    if back:
        pages = [here]
        while here.previous:
            here = page(order, limit, cursor_of(here.previous))
            pages.insert(0, here)
    return [row.pk for one in pages for row in one.rows]


def expected(order: str) -> list[str]:
    """The order by the standard library: NULL is the largest value, ties go by key in the last column's direction."""
    rows = list(BrowserSession.objects.all())
    names = order.split(",")
    if "pk" not in names[-1]:
        names.append("-pk" if names[-1].startswith("-") else "pk")
    for name in reversed(names):
        column = name.removeprefix("-")
        rows.sort(key=lambda row: _largest_last(getattr(row, column)), reverse=name.startswith("-"))
    return [row.pk for row in rows]


def _largest_last(value):
    return (value is None, value if value is not None else 0)


class AnyRows(TestCase):
    @hypothesis_settings(max_examples=40)
    @given(
        rows=st.lists(st.tuples(st.none() | st.integers(0, 3), st.sampled_from("abc")), max_size=12),
        order=st.sampled_from(ORDERS),
        limit=st.integers(1, 5),
    )
    def test_every_row_comes_once_and_in_order_both_ways(self, rows, order, limit):
        BrowserSession.objects.bulk_create(
            BrowserSession(
                session_key=f"key{number:02}",
                expire_date=BASE,
                began_at=None if hours is None else BASE + timedelta(hours=hours),
                agent=agent,
            )
            for number, (hours, agent) in enumerate(rows)
        )
        assert walk(order, limit) == expected(order)
        assert walk(order, limit, back=True) == expected(order)


@pytest.mark.django_db
def test_rows_that_come_and_go_shift_nothing():
    for letter in "bdfh":
        make.make_team(letter)
    caller = api.caller()
    first = caller.get("teams/?limit=2&ordering=slug").json()
    assert [team["slug"] for team in first["results"]] == ["b", "d"]
    make.make_team("a")
    make.make_team("e")
    Team.objects.get(slug="d").delete()
    second = caller.get(first["next"]).json()
    assert [team["slug"] for team in second["results"]] == ["e", "f"]
    back = caller.get(second["previous"]).json()
    assert [team["slug"] for team in back["results"]] == ["a", "b"]
    assert back["previous"] is None


@pytest.mark.django_db
def test_a_page_keeps_the_filters_and_the_limit_of_its_list():
    for number in range(5):
        make.make_person(f"p{number}")
    page = api.caller().get("people/?limit=2&ordering=-username&active=true").json()
    assert "active=true" in page["next"]
    assert "limit=2" in page["next"]
    assert "ordering=-username" in page["next"]


@pytest.mark.django_db
def test_a_cursor_belongs_to_its_order():
    for number in range(3):
        make.make_team(f"t{number}")
    caller = api.caller()
    following = caller.get("teams/?limit=1&ordering=slug").json()["next"]
    api.assert_problem(caller.get(following.replace("ordering=slug", "ordering=-slug")), 400, "bad_cursor")


MADE_UP = [
    '[0,"slug,pk","a","a"]',
    '[0,"slug,pk",null,"1"]',
    '[0,"slug,pk","\\u0000","1"]',
    '[0,"slug,pk","\\ud800","1"]',
    '[0,"slug,pk","a","99999999999999999999999"]',
    '[2,"slug,pk","a","1"]',
    '[0,"slug,pk",["a"],"1"]',
    '[0,"slug,pk"]',
    "{}",
    "[" * 500,
]


@pytest.mark.django_db
@pytest.mark.parametrize("body", MADE_UP)
def test_a_made_up_cursor_is_refused_or_harmless(body):
    make.make_team("a")
    cursor = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
    assert api.caller().get(f"teams/?ordering=slug&cursor={cursor}").status_code in (200, 400)


@pytest.mark.django_db
def test_a_page_holds_five_hundred_rows_at_most():
    Team.objects.bulk_create(Team(slug=f"t{number}", name="T") for number in range(MAX_LIMIT + 20))
    page = api.caller().get("teams/?limit=500").json()
    assert len(page["results"]) == MAX_LIMIT
    assert page["next"]


@pytest.mark.django_db
def test_a_list_costs_the_same_queries_however_long_it_is(django_assert_max_num_queries):
    team = make.make_team("revops")
    manager = make.make_person("m")
    for number in range(30):
        make.make_person(f"p{number}", team=team, manager=manager)
    caller = api.caller()
    caller.get("people/")
    with django_assert_max_num_queries(6):
        caller.get("people/?limit=31")
