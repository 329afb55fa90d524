"""/api/v1/heartbeats/: what is expected, what is known, who may see and do what."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from opsportal import clock
from opsportal.identity.roles import Role
from slos.models import Heartbeat
from tests.factories.catalog import make_automation
from tests.factories.heartbeats import make_heartbeat, ping
from tests.factories.identity import bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db

URL = "/api/v1/heartbeats/"


def send(client: Client, method: str, path: str = URL, body: Any = None, *scopes: str, **token: Any) -> Any:
    text = make_token(*(scopes or ("heartbeats:read", "heartbeats:write")), **token)[1]
    return client.generic(
        method, path, "" if body is None else json.dumps(body), "application/json", headers=bearer(text)
    )


def test_a_heartbeat_is_made_with_the_names_of_the_contract(client: Client) -> None:
    make_automation("deal-sync")
    body = {
        "slug": "deal-sync",
        "automation": "deal-sync",
        "kind": "cron",
        "schedule": "0 6 * * *",
        "tz": "Europe/Berlin",
        "grace": 300,
        "max_runtime": 1800,
        "start_deadline": 60,
        "min_items": 1,
    }

    answer = send(client, "POST", body=body)

    shown = answer.json()
    assert answer.status_code == 201, shown
    assert {name: shown[name] for name in body} == body
    assert (shown["status"], shown["started"], shown["timeout"]) == ("new", False, None)
    assert shown["ping_url"] == f"http://127.0.0.1:8000/ping/{Heartbeat.objects.get().code}"
    assert len(shown["next_times"]) == 5
    assert client.get(shown["ping_url"].removeprefix("http://127.0.0.1:8000")).content == b"OK"
    assert send(client, "GET", f"{URL}deal-sync/").json()["status"] == "up"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slug": "x", "kind": "cron", "schedule": "sometimes"}, "schedule"),
        ({"slug": "x", "tz": "Mars"}, "timezone"),
        ({"slug": "x", "timeout": 0}, "timeout"),
        ({"slug": "x", "automation": "none"}, "automation"),
        ({"slug": "X"}, "slug"),
        ({"slug": "x", "extra": 1}, "extra"),
    ],
)
def test_what_cannot_be_expected_is_refused_at_its_field(client: Client, body: dict[str, Any], field: str) -> None:
    answer = send(client, "POST", body=body)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_slug_is_taken_once(client: Client) -> None:
    make_heartbeat("twice")

    assert send(client, "POST", body={"slug": "twice"}).status_code == 409


def test_the_address_is_told_to_writers_only(client: Client) -> None:
    heartbeat = make_heartbeat("quiet")

    reader = send(client, "GET", URL, None, "heartbeats:read").json()["results"][0]
    assert reader["ping_url"] is None
    assert str(heartbeat.code) not in str(reader)
    assert send(client, "GET").json()["results"][0]["ping_url"].endswith(str(heartbeat.code))
    assert send(client, "GET", URL, None, "heartbeats:write").status_code == 403
    assert send(client, "POST", URL, {"slug": "y"}, "heartbeats:read").status_code == 403


def test_a_rotated_address_replaces_the_old_one(client: Client) -> None:
    heartbeat = make_heartbeat("moved")

    fresh = send(client, "POST", f"{URL}moved/rotate/", {}).json()["ping_url"]

    assert str(heartbeat.code) not in fresh
    assert client.get(f"/ping/{heartbeat.code}").status_code == 404
    assert client.get(fresh.removeprefix("http://127.0.0.1:8000")).status_code == 200


def test_it_is_paused_changed_resumed_and_deleted(client: Client) -> None:
    heartbeat = make_heartbeat("job")
    ping(heartbeat, clock.now())

    assert send(client, "PATCH", f"{URL}job/", {"timeout": 60, "manual_resume": True}).json()["timeout"] == 60
    assert send(client, "POST", f"{URL}job/pause/", {}).json()["status"] == "paused"
    client.get(f"/ping/{heartbeat.code}")
    assert send(client, "GET", f"{URL}job/").json()["status"] == "paused"
    assert send(client, "POST", f"{URL}job/resume/", {}).json()["status"] == "new"
    assert send(client, "POST", f"{URL}job/resume/", {}).status_code == 409
    assert send(client, "DELETE", f"{URL}job/").status_code == 204
    assert send(client, "GET", f"{URL}job/").status_code == 404


def test_pings_and_flips_are_listed_newest_first(client: Client) -> None:
    heartbeat, now = make_heartbeat("job"), clock.now()
    ping(heartbeat, now - timedelta(seconds=60), "start")
    ping(heartbeat, now - timedelta(seconds=30), exit_status=0)
    ping(heartbeat, now, "fail", items=3)

    pings = send(client, "GET", f"{URL}job/pings/?limit=2").json()
    flips = send(client, "GET", f"{URL}job/flips/").json()["results"]

    assert [(one["n"], one["kind"], one["duration"]) for one in pings["results"]] == [
        (3, "fail", None),
        (2, "success", 30.0),
    ]
    assert pings["next"]
    assert [(one["from"], one["to"], one["reason"]) for one in flips] == [("up", "down", "fail"), ("new", "up", "ping")]


def test_it_tells_by_when_the_run_under_way_has_to_end(client: Client) -> None:
    heartbeat, now = make_heartbeat(slug="deal-sync", max_runtime_seconds=300), clock.now()
    assert send(client, "GET", f"{URL}deal-sync/").json()["run_until"] is None
    for ago in (60, 20):
        ping(heartbeat, now - timedelta(seconds=ago), "start", rid=uuid4())
    shown = send(client, "GET", f"{URL}deal-sync/").json()
    assert datetime.fromisoformat(shown["run_until"]) == now + timedelta(seconds=240)


def test_the_status_of_now_is_told_and_filtered_by_without_a_sweep(client: Client) -> None:
    now = clock.now()
    for slug, age in (("young", 10), ("tardy", 3650), ("gone", 9999)):
        ping(make_heartbeat(slug), now - timedelta(seconds=age))

    def found(status: str) -> list[str]:
        return [one["slug"] for one in send(client, "GET", f"{URL}?status={status}").json()["results"]]

    assert (found("up"), found("late"), found("down")) == (["young"], ["tardy"], ["gone"])
    assert {one["slug"]: one["status"] for one in send(client, "GET").json()["results"]} == {
        "gone": "down",
        "tardy": "late",
        "young": "up",
    }


def test_the_list_is_narrowed_by_its_fields(client: Client) -> None:
    make_heartbeat("job", automation=make_automation("deal-sync"))
    make_heartbeat("other")

    def found(query: str) -> list[str]:
        return [one["slug"] for one in send(client, "GET", f"{URL}?{query}").json()["results"]]

    assert found("slug=job") == found("automation=deal-sync") == found("slug=job&kind=simple") == ["job"]
    assert found("slug=jo") == found("team=nobody") == []


def test_a_heartbeat_is_seen_where_its_automation_is(client: Client) -> None:
    team, other = make_team(), make_team()
    owner = make_person(roles=[Role.ANALYST], team=team)
    make_heartbeat("job", automation=make_automation(team=team, owner=owner))
    people = {
        "owner": owner,
        "teammate": make_person(roles=[Role.ANALYST], team=team),
        "outsider": make_person(roles=[Role.ANALYST], team=other),
        "leader": make_person(roles=[Role.VIEWER]),
    }

    def status(person: Any, method: str = "GET", tail: str = "") -> int:
        client.force_login(person)
        answer = client.generic(method, f"{URL}job/{tail}", "{}", content_type="application/json")
        return int(answer.status_code)

    assert {name: status(person) for name, person in people.items()} == {
        "owner": 200,
        "teammate": 200,
        "outsider": 404,
        "leader": 403,
    }
    assert status(owner, "POST", "pause/") == 403  # an ops lead does that
    assert status(make_person(roles=[Role.OPS_LEAD]), "POST", "pause/") == 200
