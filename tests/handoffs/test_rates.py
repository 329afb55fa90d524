"""The hit rate as people and programs read it: its arithmetic, who sees what, the same figures everywhere."""

import csv
import io
import random
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoffs import operations
from handoffs.cohort import Instant
from handoffs.engine.rates import Counts, Group, fold, rate_of, wilson
from handoffs.models import Rule
from handoffs.operations.rates import rebuild_days
from handoffs.queries.rates import Question, hit_rate
from opsportal import clock
from opsportal.identity.roles import Role
from tests.factories import api
from tests.factories import handoffs as make
from tests.factories import identity as people
from tests.factories.identity import SETUP

LATER = make.after(210)
SPAN = "from=2026-11-02T00:00:00Z&to=2026-11-09T00:00:00Z"


# --- arithmetic ---


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe 1998, table I, method 3 (Wilson), four places
        (81, 263, "0.2553", "0.3662"),
        (15, 148, "0.0624", "0.1605"),
        (0, 20, "0.0000", "0.1611"),
        (1, 29, "0.0061", "0.1718"),
    ],
)
def test_the_interval_is_wilsons(hits, n, low, high):
    found = wilson(hits, n)
    assert [round(one, 4) for one in found] == [Decimal(low), Decimal(high)]


def test_the_interval_reaches_0_and_1_exactly_and_never_leaves_them():
    assert wilson(0, 7)[0] == 0
    assert wilson(7, 7)[1] == 1
    for n in range(1, 60):
        for hits in range(n + 1):
            low, high = wilson(hits, n)
            assert 0 <= low <= rate_of(hits, n).rate <= high <= 1


def test_nothing_evaluated_is_no_figure():
    rate = rate_of(0, 0)
    assert (rate.rate, rate.low, rate.high) == (None, None, None)


def test_groups_add_up_in_any_order():
    groups = [Group(1, None, (), (), f"r{n % 2}", Counts(n=n, excluded=n % 3)) for n in range(20)]
    expected = fold(groups).total()
    random.Random(4).shuffle(groups)
    assert fold(groups).total() == expected


# --- what counts ---


@pytest.fixture
def week(db):
    """Eight records of one rule with 30 minutes: 3 in time, 1 late, 1 past its timer, 1 pending, 2 cancelled."""
    rule = make.make_rule("speed", team=people.make_team("sales"))
    opened = {}
    for name, channel in zip("abcdefgh", ["web", "mail"] * 4, strict=True):
        started_at = make.after(200) if name == "f" else make.START
        opened[name] = make.make_handoff(rule, started_at=started_at, channel=channel, attributes={"size": "big"})
    for name, minutes in (("a", 5), ("b", 30), ("c", 10), ("d", 45)):
        operations.complete_handoff(
            opened[name], outcome="won" if name < "c" else "", actor=SETUP, now=make.after(minutes)
        )
    operations.cancel_handoff(opened["g"], reason="double", actor=SETUP, now=make.after(10))
    operations.cancel_handoff(opened["h"], reason="=no budget", actor=SETUP, now=make.after(100))
    return rule


def asked(rule, at=LATER, group_by=(), **span):
    question = Question([rule], span.get("since"), span.get("until", make.after(9_000)), Instant(at))
    return hit_rate(question, group_by)


@pytest.mark.parametrize("rebuilt", [False, True])
def test_three_rates_a_strict_one_and_what_is_left_out(week, rebuilt):
    if rebuilt:
        rebuild_days(make.after(150))
    total = asked(week).total
    assert total.counts.n == 8
    assert total.counts.pending == 1
    assert total.excluded == {"double": 1, "=no budget": 1}
    assert (total.business.hits, total.business.evaluated, str(total.business.rate)) == (3, 5, "0.600000")
    assert (total.absolute.hits, total.absolute.evaluated) == (3, 5)
    assert (total.strict.hits, total.strict.evaluated) == (3, 6)
    assert total.outcomes == {"won": 2}
    assert total.lags.n == 4


def test_a_past_instant_knows_nothing_of_what_came_later(week):
    question = Question([week], None, make.after(9_000), Instant(make.after(20), is_past=True))
    total = hit_rate(question).total
    assert (total.counts.n, total.counts.pending, total.excluded) == (7, 4, {"double": 1})
    assert (total.business.hits, total.business.evaluated) == (2, 2)


def test_each_cycle_counts_once_on_the_day_it_began(db):
    handoff = make.make_handoff()
    operations.complete_handoff(handoff, actor=SETUP, now=make.after(10))
    operations.reopen_handoff(handoff, mode="new_cycle", actor=SETUP, now=make.after(3_000))
    operations.complete_handoff(handoff, actor=SETUP, now=make.after(3_060))
    found = asked(handoff.rule, at=make.after(4_000), until=make.after(2_000))
    assert (found.total.business.hits, found.total.counts.n) == (1, 1)
    found = asked(handoff.rule, at=make.after(4_000))
    assert (found.total.business.hits, found.total.counts.n) == (1, 2)


# --- the API ---


def test_the_published_shape(week):
    caller = api.caller("handoffs:read")
    body = caller.get(
        f"hit-rate/?rule=speed&{SPAN}&at=2026-11-03T12:30:00Z&group_by=channel,within_business_hours"
    ).json()
    assert body["rule"] == "speed"
    assert (body["from"], body["to"], body["at"]) == (
        "2026-11-02T00:00:00Z",
        "2026-11-09T00:00:00Z",
        "2026-11-03T12:30:00Z",
    )
    assert (body["n"], body["pending"]) == (8, 1)
    assert body["excluded"] == [{"reason": "=no budget", "count": 1}, {"reason": "double", "count": 1}]
    assert body["business"] == {"hits": 3, "evaluated": 5, "rate": "0.600000", "low": "0.230720", "high": "0.882382"}
    assert [group["key"] for group in body["groups"]] == [
        {"channel": "mail", "within_business_hours": True},
        {"channel": "web", "within_business_hours": True},
    ]
    assert sum(group["n"] for group in body["groups"]) == 8
    assert [(one["from"], one["to"], one["n"]) for one in body["trend"]] == [
        ("2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z", 8)
    ]


def test_groups_by_every_name(week):
    caller = api.caller("handoffs:read")
    for name in (
        "channel",
        "icp",
        "owner",
        "amount",
        "rule",
        "within_business_hours",
        "attribute:size",
        "rule,channel",
    ):
        groups = caller.get(f"hit-rate/?{SPAN}&group_by={name}").json()["groups"]
        assert sum(group["n"] for group in groups) == 8, name
        assert all(list(group["key"]) == name.split(",") for group in groups)
    assert caller.get(f"hit-rate/?{SPAN}&group_by=attribute:size").json()["groups"][0]["key"] == {
        "attribute:size": "big"
    }


def test_where_nothing_was_evaluated_there_is_null(week):
    body = api.caller("handoffs:read").get("hit-rate/?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z").json()
    assert (body["rule"], body["n"], body["trend"], body["groups"]) == (None, 0, [], [])
    assert {body[name]["rate"] for name in ("absolute", "business", "in_hours", "strict")} == {None}


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "to=2026-11-03",
        "at=2026-11-03T10:00:00",
        "at=2999-01-01T00:00:00Z",
        "group_by=colour",
        "group_by=",
        "group_by=channel,channel",
        "group_by=attribute:",
        "group_by=attribute:%00",
        "from=2026-11-03T00:00:00Z&to=2026-11-02T00:00:00Z",
        "colour=blue",
        "rule=a&rule=b",
    ],
)
def test_bad_values_are_refused(db, query):
    api.assert_problem(api.caller("handoffs:read").get(f"hit-rate/?{query}"), 400)


@pytest.mark.parametrize("query", ["from=0001-01-01T00:00:00Z", "from=9999-12-31T12:00:00Z&to=9999-12-31T13:00:00Z"])
def test_the_ends_of_time_are_answered(week, query):
    assert api.caller("handoffs:read").get(f"hit-rate/?{query}").status_code == 200


def test_it_needs_the_scope_and_a_rule_that_can_be_seen(week):
    api.assert_problem(api.caller("people:read").get("hit-rate/"), 403)
    api.assert_problem(api.caller("handoffs:read").get("hit-rate/?rule=nothing"), 404)


# --- who sees what ---


def test_four_people_see_the_rules_of_their_teams(week, client):
    sales = week.team
    others = make.make_rule("other-teams", team=people.make_team("support"))
    make.make_handoff(others)
    for name, team, roles, sees in (
        ("owner", sales, [Role.ANALYST], {"speed"}),
        ("mate", sales, [Role.ANALYST], {"speed"}),
        ("outsider", people.make_team("else"), [Role.ANALYST], set()),
        ("leader", None, [Role.OPS_LEAD], {"speed", "other-teams"}),
    ):
        client.force_login(people.make_person(name, team=team, roles=roles))
        body = client.get(f"/api/v1/hit-rate/?{SPAN}&group_by=rule").json()
        assert {group["key"]["rule"] for group in body["groups"]} == sees
        page = client.get("/hit-rate/?span=all").content.decode()
        assert {slug for slug in ("speed", "other-teams") if f"rule={slug}" in page} == sees
        status = client.get("/hit-rate/?rule=speed&span=all").status_code
        assert status == (200 if "speed" in sees else 400)
        assert client.get("/api/v1/hit-rate/?rule=speed").status_code == (200 if "speed" in sees else 404)
        assert client.get("/hit-rate/records/?rule=speed&span=all").status_code == (200 if "speed" in sees else 400)


# --- the page ---


@pytest.fixture
def leader(client, db):
    client.force_login(people.make_person("lea", roles=[Role.OPS_LEAD]))
    return client


def test_page_csv_and_api_give_the_same_figures(week, leader):
    leader_api = api.caller("handoffs:read")
    query = "rule=speed&from=2026-11-02&to=2026-11-09"
    body = leader_api.get(f"hit-rate/?rule=speed&{SPAN}&group_by=channel").json()
    page = leader.get(f"/hit-rate/?{query}").content.decode()
    answer = leader.get(f"/hit-rate/?{query}&format=csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    total = rows[0]
    for kind in ("business", "absolute", "in_hours", "strict"):
        assert [total[f"{kind}_{part}"] for part in ("rate", "low", "high")] == [
            body[kind][part] for part in ("rate", "low", "high")
        ]
        assert f"{100 * Decimal(body[kind]['rate']):.1f}%" in page
        assert f"{body[kind]['hits']} of {body[kind]['evaluated']}" in page
    by_channel = {row["value"]: row for row in rows if row["split_by"] == "channel"}
    for group in body["groups"]:
        assert by_channel[group["key"]["channel"]]["business_rate"] == group["business"]["rate"]
    assert "Cancelled: =no budget" in page


def test_each_figure_leads_to_its_records(week, leader):
    page = leader.get("/hit-rate/?rule=speed&span=all").content.decode()
    links = re.findall(r'<li><a href="(/hit-rate/records/[^"]*)">([^<]*)</a><span class="end">(\d+)<', page)
    assert len(links) == 4
    for address, label, count in links:
        listed = leader.get(address.replace("&amp;", "&")).content.decode()
        assert len(re.findall(r'id="row-', listed)) == int(count), label


def test_an_empty_page_says_why(leader):
    assert "No handoff has begun yet" in leader.get("/hit-rate/").content.decode()
    handoff = make.make_handoff(make.make_rule("speed"))
    page = leader.get("/hit-rate/?rule=speed&from=2020-01-01&to=2020-02-01").content.decode()
    assert "Nothing began in this span" in page
    page = leader.get("/hit-rate/?rule=speed&from=2026-11-02&to=2026-11-09").content.decode()
    assert handoff.started_at < clock.now() - timedelta(minutes=1)
    assert "In time by the business clock" not in page


def test_bad_values_are_told_at_their_field(leader):
    answer = leader.get("/hit-rate/?from=yesterday&at=2999-01-01T00:00")
    assert answer.status_code == 400
    assert b"What will be known is not known yet." in answer.content


def test_splitting_by_an_attribute_is_offered(week, leader):
    page = leader.get("/hit-rate/?rule=speed&span=all").content.decode()
    assert "by=size" in page
    assert "By size" in leader.get("/hit-rate/?rule=speed&span=all&by=size").content.decode()


@pytest.mark.parametrize("address", ["/hit-rate/", "/hit-rate/?rule=speed", "/api/v1/hit-rate/?group_by=channel"])
def test_a_dozen_statements_whatever_there_is(week, leader, address):
    for number in range(6):
        make.make_handoff(Rule.objects.get(slug="speed"), started_at=clock.now() - timedelta(days=number))
    leader.get(address)
    with CaptureQueriesContext(connection) as found:
        assert leader.get(address).status_code == 200
    asked_of_database = [one["sql"] for one in found if not one["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(asked_of_database) <= 12, "\n".join(one[:150] for one in asked_of_database)
