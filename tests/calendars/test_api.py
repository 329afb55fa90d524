"""/api/v1/calendars/: the arithmetic over HTTP, versions, who may do what, and refusals that name the place."""

import pytest

from opsportal.calendars import queries
from opsportal.calendars.models import Calendar
from opsportal.identity.roles import Role
from tests.factories.api import Caller, assert_problem, caller
from tests.factories.calendars import OFFICE_HOURS, make_calendar, make_version
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db
BODY = {
    "slug": "berlin",
    "timezone": "Europe/Berlin",
    "weekly": {"mon": [["09:00", "17:00"]], "fri": [["22:00", "06:00"]]},
    "overrides": {"2026-12-25": []},
}


@pytest.fixture
def api() -> Caller:
    return caller("handoffs:read", "handoffs:write")


def test_a_calendar_is_made_read_and_listed(api):
    made = api.post("calendars/", BODY)
    assert made.status_code == 201
    expected = {
        "slug": "berlin",
        "name": "berlin",
        "team": None,
        "version": 1,
        "note": "",
        "timezone": "Europe/Berlin",
        "weekly": {
            "mon": [["09:00", "17:00"]], "tue": [], "wed": [], "thu": [],
            "fri": [["22:00", "24:00"]], "sat": [["00:00", "06:00"]], "sun": [],
        },
        "overrides": {"2026-12-25": []},
        "override_names": {},
        "closures": [],
    }  # fmt: skip
    assert made.json() == expected
    assert api.get("calendars/berlin/").json() == expected
    assert [row["slug"] for row in api.get("calendars/").json()["results"]] == ["24x7", "berlin"]
    assert api.get("calendars/?q=ber").json()["results"] == [expected]


def test_a_list_costs_the_same_number_of_queries_however_long_it_is(api, django_assert_max_num_queries):
    for _ in range(12):
        make_version(make_calendar(), timezone="Asia/Tokyo")
    api.get("calendars/")
    with django_assert_max_num_queries(6):
        rows = api.get("calendars/").json()["results"]
    assert {row["version"] for row in rows} == {1, 2}


def test_it_adds_minutes(api):
    make_calendar("berlin")
    answer = api.get("calendars/berlin/add/?start=2026-11-06T15:30:00Z&minutes=60").json()
    assert answer == {"due_at": "2026-11-09T08:30:00Z", "version": 1}
    assert api.get("calendars/berlin/add/?start=2026-11-09T09:30:00%2B01:00&minutes=-60").json() == {
        "due_at": "2026-11-06T15:30:00Z",
        "version": 1,
    }
    assert api.get("calendars/berlin/add/?start=2026-11-07T00:00:00Z&minutes=0").json()["due_at"] == (
        "2026-11-07T00:00:00Z"
    )
    assert api.get("calendars/berlin/add/?start=2026-11-06T15:30:00Z&seconds=90").json()["due_at"] == (
        "2026-11-06T15:31:30Z"
    )


def test_it_counts_between(api):
    make_calendar("berlin")
    path = "calendars/berlin/between/?start=2026-11-06T15:30:00Z&end=2026-11-09T08:30:30Z"
    assert api.get(path).json() == {"business_seconds": 3630, "business_minutes": 60.5, "version": 1}
    back = "calendars/berlin/between/?start=2026-11-09T08:30:00Z&end=2026-11-06T15:30:00Z"
    assert api.get(back).json() == {"business_seconds": -3600, "business_minutes": -60, "version": 1}


def test_an_older_version_can_be_asked(api):
    make_version(make_calendar("berlin"), timezone="UTC")
    path = "calendars/berlin/add/?start=2026-11-06T15:30:00Z&minutes=60"
    assert api.get(path).json() == {"due_at": "2026-11-06T16:30:00Z", "version": 2}
    assert api.get(f"{path}&version=1").json() == {"due_at": "2026-11-09T08:30:00Z", "version": 1}
    assert_problem(api.get(f"{path}&version=3"), 404)


def test_it_explains(api):
    make_calendar("berlin", overrides={"2026-12-25": []}, override_names={"2026-12-25": "Christmas Day"})
    answer = api.get("calendars/berlin/explain/?start=2026-12-24T15:00:00Z&minutes=90").json()
    assert answer["end"] == "2026-12-28T08:30:00Z"
    assert answer["business_seconds"] == 5400
    assert [(each["date"], each["seconds"], each["total"]) for each in answer["stretches"]] == [
        ("2026-12-24", 3600, 3600),
        ("2026-12-28", 1800, 5400),
    ]
    assert answer["stretches"][0]["window"] == ["09:00", "17:00"]
    assert "On Fri 25 Dec 2026 (Christmas Day) the usual hours do not hold: closed." in answer["sentences"]
    assert api.get("calendars/berlin/explain/?start=2026-12-24T15:00:00Z&end=2026-12-28T08:30:00Z").json() == answer


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("add/", 400, "required"),
        ("add/?start=2026-11-06T15:30:00Z", 400, "required"),
        ("add/?start=2026-11-06T15:30:00Z&minutes=1&seconds=1", 400, "required"),
        ("add/?start=2026-11-06T15:30:00Z&minutes=1.5", 400, "bad_value"),
        ("add/?start=2026-11-06T15:30:00Z&minutes=99999999999999999999", 400, "bad_value"),
        ("add/?start=2026-11-06T15:30:00&minutes=1", 400, "bad_value"),
        ("add/?start=yesterday&minutes=1", 400, "bad_value"),
        ("add/?start=2026-11-06T15:30:00Z&minutes=1&hours=1", 400, "unknown_parameter"),
        ("add/?start=0001-01-01T00:00:00%2B14:00&minutes=1", 400, "bad_value"),
        ("add/?start=1899-12-31T23:59:59Z&minutes=0", 400, "outside_calendar"),
        ("add/?start=9999-12-31T23:59:59Z&minutes=1", 400, "outside_calendar"),
        ("add/?start=2026-11-06T15:30:00Z&minutes=150000000", 400, "outside_calendar"),
        ("between/?start=2026-11-06T15:30:00Z", 400, "required"),
        ("between/?start=1800-11-06T15:30:00Z&end=2026-11-06T15:30:00Z", 400, "outside_calendar"),
        ("explain/?start=2026-11-06T15:30:00Z", 400, "required"),
        ("explain/?start=2026-11-06T15:30:00Z&minutes=1&end=2026-11-06T15:30:00Z", 400, "too_many_parameters"),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(api, query, status, code):
    make_calendar("berlin")
    assert_problem(api.get(f"calendars/berlin/{query}"), status, code)


def test_a_calendar_that_never_opens_is_refused_not_searched_for_ever(api):
    make_calendar("shut", weekly={})
    assert_problem(api.get("calendars/shut/add/?start=2026-11-06T15:30:00Z&minutes=1"), 400, "never_opens")
    assert api.get("calendars/shut/between/?start=1900-01-01T00:00:00Z&end=2199-12-31T00:00:00Z").json() == {
        "business_seconds": 0,
        "business_minutes": 0,
        "version": 1,
    }


def test_put_and_patch_make_versions(api):
    make_calendar("berlin", overrides={"2026-12-25": []}, name="Berlin")
    patched = api.patch("calendars/berlin/", {"timezone": "UTC", "note": "Moved"}).json()
    assert (patched["version"], patched["timezone"], patched["overrides"]) == (2, "UTC", {"2026-12-25": []})
    body = api.get("calendars/berlin/").json()
    body["weekly"]["sat"] = [["10:00", "12:00"]]
    put = api.send("PUT", "calendars/berlin/", _json(body)).json()
    assert (put["version"], put["weekly"]["sat"], put["name"]) == (3, [["10:00", "12:00"]], "Berlin")
    plain = api.send("PUT", "calendars/berlin/", _json({"timezone": "UTC", "weekly": OFFICE_HOURS})).json()
    assert (plain["version"], plain["overrides"], plain["name"]) == (4, {}, "Berlin")
    numbers = [row["number"] for row in api.get("calendars/berlin/versions/").json()["results"]]
    assert numbers == [4, 3, 2, 1]


def test_a_change_from_an_older_version_is_a_conflict(api):
    make_version(make_calendar("berlin"), timezone="UTC")
    refused = api.patch("calendars/berlin/", {"timezone": "Asia/Tokyo", "version": 1})
    assert_problem(refused, 409, "calendar_changed")


def test_the_slug_stays(api):
    make_calendar("berlin")
    assert_problem(api.patch("calendars/berlin/", {"slug": "paris"}), 422, "slug_stays")


def test_faults_are_told_all_at_once_at_their_places(api):
    body = {**BODY, "timezone": "Mars/Olympus", "weekly": {"mon": [["9:00", "17:00"]], "funday": []}}
    problem = assert_problem(api.post("calendars/", body), 422)
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("timezone", "unknown_timezone"),
        ("weekly.mon.0", "bad_time"),
        ("weekly.funday", "unknown_weekday"),
    ]
    assert not Calendar.objects.filter(slug="berlin").exists()


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"slug": "Berlin!"}, "slug", "bad_slug"),
        ({"slug": 7}, "slug", "wrong_type"),
        ({"weekly": "always"}, "weekly", "not_an_object"),
        ({"overrides": None}, "overrides", "null"),
        ({"closures": [{"from": "2026-01-01", "until": "x"}]}, "closures.0.from", "bad_instant"),
        ({"team": "nobody"}, "team", "unknown_team"),
        ({"name": "a\nb"}, "name", "bad_text"),
        ({"override_names": {"2026-01-01": "New Year"}}, "override_names.2026-01-01", "no_override"),
    ],
)
def test_a_fault_is_told_at_its_place(api, change, field, code):
    problem = assert_problem(api.post("calendars/", {**BODY, **change}), 422)
    assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == (field, code)


def test_a_taken_slug_is_a_conflict(api):
    make_calendar("berlin")
    assert_problem(api.post("calendars/", BODY), 409, "slug_taken")


def test_a_calendar_is_deleted_unless_something_needs_it(api):
    make_calendar("berlin")
    assert api.delete("calendars/berlin/").status_code == 204
    assert_problem(api.get("calendars/berlin/"), 404)
    assert_problem(api.delete("calendars/24x7/"), 409, "starter_calendar")


def test_open_records_adopt_the_current_version_on_request(api):
    make_calendar("berlin")
    assert api.post("calendars/berlin/adopt/").json() == {"version": 1, "records": 0}
    assert api.patch("calendars/berlin/", {"timezone": "UTC", "adopt": True}).json()["version"] == 2


def _json(body) -> bytes:
    import json

    return json.dumps(body).encode()


# --- Who may do what ---


@pytest.fixture
def sales():
    return make_team("sales")


@pytest.fixture
def calendar(sales):
    return make_calendar("sales-hours", team=sales)


def session(client, person):
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def statuses(client) -> tuple[int, int, int]:
    """Read, ask, change."""
    base = "/api/v1/calendars/sales-hours/"
    changed = client.patch(base, data={"timezone": "UTC"}, content_type="application/json")
    asked = client.get(f"{base}between/?start=2026-11-06T15:30:00Z&end=2026-11-06T15:31:00Z")
    return client.get(base).status_code, asked.status_code, changed.status_code


def test_a_teammate_reads_and_does_not_change(client, calendar, sales):
    assert statuses(session(client, make_person(team=sales))) == (200, 200, 403)


def test_a_viewer_of_the_team_reads_and_does_not_change(client, calendar, sales):
    assert statuses(session(client, make_person(team=sales, roles=[Role.VIEWER]))) == (200, 200, 403)


def test_an_outsider_finds_nothing(client, calendar):
    outsider = session(client, make_person(team=make_team("support"), roles=[Role.ANALYST]))
    assert statuses(outsider)[:2] == (404, 404)
    assert [row["slug"] for row in outsider.get("/api/v1/calendars/").json()["results"]] == ["24x7"]


def test_an_ops_lead_changes_every_teams_calendar(client, calendar):
    assert statuses(session(client, make_person(team=make_team("support"), roles=[Role.OPS_LEAD]))) == (200, 200, 200)


def test_nobody_gets_in_without_signing_in(client, calendar):
    assert statuses(client) == (401, 401, 401)


def test_a_token_of_a_team_changes_its_own_calendars_only(calendar, sales):
    make_calendar("shared")
    make_calendar("other", team=make_team("support"))
    token = caller("handoffs:read", "handoffs:write", team=sales)
    assert token.patch("calendars/sales-hours/", {"timezone": "UTC"}).status_code == 200
    assert_problem(token.patch("calendars/shared/", {"timezone": "UTC"}), 403, "shared_calendar")
    assert_problem(token.patch("calendars/other/", {"timezone": "UTC"}), 404)
    assert_problem(token.patch("calendars/sales-hours/", {"team": "support"}), 422, "unknown_team")
    assert_problem(token.patch("calendars/sales-hours/", {"team": None}), 403, "shared_calendar")
    assert_problem(token.post("calendars/", BODY), 403, "shared_calendar")
    assert token.post("calendars/", {**BODY, "team": "sales"}).json()["team"] == "sales"


def test_a_reading_token_does_not_write_and_another_does_not_read():
    reading, foreign = caller("handoffs:read"), caller("catalog:read")
    assert_problem(reading.post("calendars/", BODY), 403, "missing_scope")
    assert_problem(foreign.get("calendars/"), 403, "missing_scope")


def test_the_person_behind_a_change_is_kept(client, calendar):
    lead = make_person("lee", roles=[Role.OPS_LEAD])
    session(client, lead).patch(
        "/api/v1/calendars/sales-hours/", data={"timezone": "UTC"}, content_type="application/json"
    )
    assert queries.get_version(calendar).created_by == lead
