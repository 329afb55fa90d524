"""The management API of healthchecks.io: its own client from PyPI and curl, unchanged, against a server; its shapes."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from healthchecks_io import CheckCreate, CheckTrap, CheckUpdate
from healthchecks_io import Client as HealthchecksClient
from healthchecks_io.client.exceptions import CheckNotFoundError, HCAPIAuthError, NonUniqueSlugError

from opsportal import clock
from slos.models import Flip, Heartbeat, Ping, PingProject
from tests.factories.heartbeats import make_heartbeat, make_project, ping

pytestmark = pytest.mark.django_db

CHECKS = "/api/v3/checks/"
Call = Callable[..., Any]


@pytest.fixture
def project() -> PingProject:
    return make_project()


@pytest.fixture
def call(client: Client, project: PingProject) -> Call:
    """A request with the project's key; a body makes it JSON."""

    def send(method: str, path: str, body: Any = None, key: str = "") -> Any:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"X-Api-Key": key or project.integration.key}
        return client.generic(method, path, data, content_type="application/json", headers=headers)

    return send


# --- existing programs ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("version", [1, 3])
def test_the_client_from_pypi_drives_pings_and_the_management_api(live_server: Any, version: int) -> None:
    project = make_project()
    made = HealthchecksClient(
        api_key=project.integration.key,
        ping_key=project.ping_key,
        api_url=f"{live_server.url}/api/",
        ping_url=f"{live_server.url}/ping/",
        api_version=version,
    )
    with made as client:
        check = client.create_check(CheckCreate(name="Deal sync", tags="crm nightly", desc="x", timeout=600, grace=60))
        assert (check.name, check.status, check.n_pings, check.timeout) == ("Deal sync", "new", 0, 600)
        uuid = check.uuid or ""
        assert client.success_ping(uuid=uuid, data="all well") == (True, "OK")
        assert client.get_check(uuid).status == "up"
        assert client.start_ping(uuid=uuid)[0]
        assert client.exit_code_ping(3, uuid=uuid)[0]
        assert client.get_check(uuid).status == "down"
        assert client.fail_ping(uuid=uuid)[0]
        with CheckTrap(client, uuid=uuid) as trap:
            trap.add_log("a line")
        assert [one.type for one in client.get_check_pings(uuid)] == [
            "success",
            "start",
            "fail",
            "fail",
            "start",
            "success",
        ]
        assert [one.up for one in client.get_check_flips(uuid)] == [1, 0, 1]
        changed = client.update_check(uuid, CheckUpdate(tags="crm", timeout=1200))
        assert (changed.tags, changed.timeout, changed.name) == ("crm", 1200, "Deal sync")
        assert client.pause_check(uuid).status == "paused"
        assert [one.uuid for one in client.get_checks(tags=["crm"])] == [uuid]
        assert client.get_checks(tags=["other"]) == []
        assert set(client.get_badges()) == {"*", "crm"}
        assert client.get_integrations() == []
        if version == 1:  # whose slugs follow from the name
            assert client.success_ping(slug="deal-sync") == (True, "OK")
            client.create_check(CheckCreate(name="Deal sync"))
            with pytest.raises(NonUniqueSlugError):
                client.success_ping(slug="deal-sync")
        client.delete_check(uuid)
        with pytest.raises(CheckNotFoundError):
            client.success_ping(uuid=uuid)
        with pytest.raises(CheckNotFoundError):
            client.get_check(uuid)


@pytest.mark.django_db(transaction=True)
def test_the_client_is_told_when_its_key_is_wrong(live_server: Any) -> None:
    wrong = HealthchecksClient(api_key="x" * 32, api_url=f"{live_server.url}/api/", api_version=3)
    with wrong as client, pytest.raises(HCAPIAuthError):
        client.get_checks()


def curl(*arguments: str) -> str:
    done = subprocess.run(["curl", "-sS", "-m", "10", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.django_db(transaction=True)
def test_curl_pings_in_every_way_the_documentation_shows(live_server: Any) -> None:
    project = make_project()
    heartbeat = make_heartbeat(project=project, ping_slug="sync")
    url, slug = f"{live_server.url}/ping/{heartbeat.code}", f"{live_server.url}/ping/{project.ping_key}/sync"
    rid = str(uuid4())

    assert curl("-fS", "--retry", "3", "-o", "/dev/stderr", "-w", "%{http_code}", url) == "200"
    assert curl("--head", url).startswith("HTTP/1.1 200")
    assert curl(f"{url}/start?rid={rid}") == "OK"
    assert curl("--data-raw", "some output", f"{url}?rid={rid}") == "OK"
    assert curl("-X", "POST", "-H", "Content-Type: application/json", "-d", '{"items": 12}', slug) == "OK"
    assert curl(f"{slug}/1") == "OK"
    assert curl(f"{slug}-new?create=1") == "Created"
    assert curl(f"{live_server.url}/ping/{uuid4()}") == "not found"
    kinds = [(one.kind, one.method, one.items) for one in Ping.objects.filter(heartbeat=heartbeat).order_by("n")]
    assert kinds == [
        ("success", "GET", None),
        ("success", "HEAD", None),
        ("start", "GET", None),
        ("success", "POST", None),
        ("success", "POST", 12),
        ("fail", "GET", None),
    ]


# --- checks ---


def test_a_check_has_the_fields_of_the_original(call: Call) -> None:
    body = {"name": "Sync", "slug": "sync", "tags": "a b", "desc": "d", "grace": 60, "timeout": 300}

    answer = call("POST", CHECKS, body)

    made = Heartbeat.objects.get()
    own = f"http://127.0.0.1:8000/api/v3/checks/{made.code}"
    assert answer.status_code == 201
    assert answer.json() == {
        "name": "Sync",
        "slug": "sync",
        "tags": "a b",
        "desc": "d",
        "grace": 60,
        "n_pings": 0,
        "status": "new",
        "started": False,
        "last_ping": None,
        "next_ping": None,
        "manual_resume": False,
        "methods": "",
        "subject": "",
        "subject_fail": "",
        "start_kw": "",
        "success_kw": "",
        "failure_kw": "",
        "filter_subject": False,
        "filter_body": False,
        "filter_http_body": False,
        "filter_default_fail": False,
        "badge_url": f"http://127.0.0.1:8000/b/2/{made.badge_key}.svg",
        "uuid": str(made.code),
        "ping_url": f"http://127.0.0.1:8000/ping/{made.code}",
        "update_url": own,
        "pause_url": f"{own}/pause",
        "resume_url": f"{own}/resume",
        "channels": "",
        "timeout": 300,
    }
    assert made.code.version == 4


def test_a_schedule_makes_a_cron_check_and_an_oncalendar_check(call: Call) -> None:
    cron = call("POST", CHECKS, {"schedule": "0 3 * * *", "tz": "Europe/Berlin", "timeout": 600}).json()
    calendar = call("POST", CHECKS, {"schedule": "Mon 12:00"}).json()

    assert (cron["schedule"], cron["tz"], "timeout" in cron) == ("0 3 * * *", "Europe/Berlin", False)
    assert (calendar["schedule"], calendar["tz"]) == ("Mon 12:00", "UTC")
    assert sorted(Heartbeat.objects.values_list("kind", flat=True)) == ["cron", "oncalendar"]


def test_unique_updates_the_check_that_is_there(call: Call) -> None:
    first = call("POST", CHECKS, {"name": "One", "unique": ["name"]})
    second = call("POST", CHECKS, {"name": "One", "grace": 120, "unique": ["name"]})
    third = call("POST", CHECKS, {"tags": "x", "unique": ["name"]})

    assert [one.status_code for one in (first, second, third)] == [201, 200, 201]
    assert second.json()["uuid"] == first.json()["uuid"]
    assert second.json()["grace"] == 120


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "could not parse request body"),
        (b"[1]", "json validation error: value is not an object"),
        ({"name": 7}, "json validation error: name is not a string"),
        ({"name": "x" * 101}, "json validation error: name is too long"),
        ({"name": "\x00"}, "json validation error: name has unexpected value"),
        ({"slug": "No"}, "json validation error: slug does not match pattern"),
        ({"timeout": 59}, "json validation error: timeout is too small"),
        ({"timeout": 31536001}, "json validation error: timeout is too large"),
        ({"timeout": "x"}, "json validation error: timeout is not a number"),
        ({"grace": None}, "json validation error: grace is not a number"),
        ({"schedule": "soon"}, "json validation error: schedule is not a valid cron or OnCalendar expression"),
        ({"tz": "Mars/Base"}, "json validation error: tz is not a valid timezone"),
        ({"methods": "PUT"}, "json validation error: methods has unexpected value"),
        ({"manual_resume": 1}, "json validation error: manual_resume is not a boolean"),
        ({"unique": "name"}, "json validation error: unique is not an array"),
        ({"unique": ["status"]}, "json validation error: an item in 'unique' has unexpected value"),
        ({"channels": "abc"}, "invalid channel identifier: abc"),
    ],
)
def test_refusals_have_the_words_of_the_original(call: Call, body: Any, error: str) -> None:
    answer = call("POST", CHECKS, body)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert not Heartbeat.objects.exists()


def test_the_key_may_stand_in_the_body(client: Client, project: PingProject) -> None:
    body = json.dumps({"api_key": project.integration.key, "name": "x"})

    assert client.post(CHECKS, body, content_type="application/json").status_code == 201
    assert client.get(CHECKS).json() == {"error": "missing api key"}
    assert client.get(CHECKS, headers={"X-Api-Key": "y" * 32}).json() == {"error": "wrong api key"}


def test_a_check_of_another_project_is_closed(call: Call) -> None:
    other = make_heartbeat(project=make_project())

    assert call("GET", f"{CHECKS}{other.code}").status_code == 403
    assert call("POST", f"{CHECKS}{other.code}/pause").status_code == 403
    assert call("GET", f"{CHECKS}{uuid4()}").status_code == 404
    assert call("GET", CHECKS).json() == {"checks": []}


def test_a_key_to_read_reads_and_tells_no_address(call: Call, project: PingProject) -> None:
    heartbeat = make_heartbeat(project=project)
    key = project.readonly_key

    shown = call("GET", f"{CHECKS}{heartbeat.code}", key=key).json()

    assert not {"uuid", "ping_url", "update_url", "pause_url", "resume_url", "channels"} & set(shown)
    assert str(heartbeat.code) not in json.dumps(shown)
    by_key = call("GET", f"{CHECKS}{shown['unique_key']}", key=key)
    assert by_key.json() == shown
    assert call("GET", f"{CHECKS}{shown['unique_key']}/flips/", key=key).status_code == 200
    for method, path in (("POST", CHECKS), ("DELETE", f"{CHECKS}{heartbeat.code}")):
        assert call(method, path, {}, key=key).status_code == 401
    for path in ("pings/", "pause"):
        assert call("GET", f"{CHECKS}{heartbeat.code}/{path}", key=key).status_code in (401, 405)


def test_a_key_that_is_switched_off_opens_nothing(call: Call, project: PingProject) -> None:
    type(project.integration).objects.update(disabled_at=clock.now())

    assert call("GET", CHECKS).status_code == 401


def test_status_is_told_in_their_words(call: Call, project: PingProject) -> None:
    heartbeat, now = make_heartbeat(project=project, timeout_seconds=3600, grace_seconds=600), clock.now()

    def told(path: str = CHECKS) -> Any:
        shown = call("GET", f"{path}{heartbeat.code}").json()
        return shown["status"], shown["started"], shown["next_ping"] is not None

    ping(heartbeat, now - timedelta(hours=1, seconds=5))
    assert told() == ("grace", False, True)
    ping(heartbeat, now, "start")
    assert told() == ("grace", True, True)
    assert told("/api/v1/checks/") == ("started", True, True)
    ping(heartbeat, now)
    assert told() == ("up", False, True)
    Heartbeat.objects.update(status="unknown")
    assert told() == ("grace", False, True)
    ping(heartbeat, now + timedelta(seconds=1), "fail")
    assert told() == ("down", False, False)


def test_pause_and_resume(call: Call, project: PingProject) -> None:
    heartbeat = make_heartbeat(project=project)
    ping(heartbeat, clock.now())
    path = f"{CHECKS}{heartbeat.code}"

    assert call("POST", f"{path}/resume").json() == {"error": "check is not paused"}
    assert call("POST", f"{path}/resume").status_code == 409
    assert call("POST", f"{path}/pause").json()["status"] == "paused"
    resumed = call("POST", f"{path}/resume").json()
    assert (resumed["status"], resumed["last_ping"]) == ("new", None)


# --- what came ---


def test_pings_bodies_and_flips(call: Call, project: PingProject) -> None:
    heartbeat, now = make_heartbeat(project=project), clock.now()
    ping(heartbeat, now - timedelta(seconds=90), "start")
    ping(heartbeat, now - timedelta(seconds=60), body=b"\xffone", remote_address="192.0.2.1", user_agent="curl")
    ping(heartbeat, now - timedelta(seconds=30), "fail", exit_status=2)
    path = f"{CHECKS}{heartbeat.code}"

    failed, succeeded, started = call("GET", f"{path}/pings/").json()["pings"]

    assert [one["type"] for one in (failed, succeeded, started)] == ["fail", "success", "start"]
    assert (succeeded["n"], succeeded["duration"], succeeded["remote_addr"]) == (2, 30.0, "192.0.2.1")
    assert (failed["body_url"], started["rid"]) == (None, None)
    assert succeeded["body_url"].endswith(f"{path}/pings/2/body")
    assert call("GET", f"{path}/pings/2/body").content == b"\xffone"
    assert call("GET", f"{path}/pings/1/body").status_code == 404
    assert [one["up"] for one in call("GET", f"{path}/flips/").json()["flips"]] == [0, 1]
    assert [one["up"] for one in call("GET", f"{path}/flips/?seconds=45").json()["flips"]] == [0]
    end = int((now - timedelta(seconds=45)).timestamp())
    assert [one["up"] for one in call("GET", f"{path}/flips/?end={end}").json()["flips"]] == [1]
    assert [one["up"] for one in call("GET", f"{path}/flips/?start={end}").json()["flips"]] == [0]
    for bad in ("start=abc", "start=-123", "end=12345678901234567890", "seconds=-1", "seconds=31536001"):
        assert call("GET", f"{path}/flips/?{bad}").status_code == 400


def test_a_change_moves_what_is_due(call: Call, project: PingProject) -> None:
    heartbeat, now = make_heartbeat(project=project), clock.now().replace(microsecond=0)
    ping(heartbeat, now)

    call("POST", f"{CHECKS}{heartbeat.code}", {"timeout": 60, "grace": 120})

    heartbeat.refresh_from_db()
    assert heartbeat.due_at == now + timedelta(seconds=60)
    assert heartbeat.down_at == now + timedelta(seconds=180)


def test_delete_answers_with_what_it_was(call: Call, project: PingProject) -> None:
    heartbeat = make_heartbeat(project=project, name="Gone")

    assert call("DELETE", f"{CHECKS}{heartbeat.code}").json()["name"] == "Gone"
    assert not Heartbeat.objects.exists()


def test_every_address_allows_other_origins_and_refuses_other_methods(call: Call) -> None:
    assert call("OPTIONS", CHECKS).status_code == 204
    answer = call("PATCH", CHECKS)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (405, "*")
    assert call("GET", "/api/v3/status/").content == b"OK"
    assert call("GET", "/api/v3/channels").json() == {"channels": []}


# --- badges ---


def test_badges_tell_the_worst_of_their_tag(call: Call, client: Client, project: PingProject) -> None:
    now = clock.now()
    for tags, age in (("a", 10), ("a b", 3650), ("c", 9999)):
        ping(make_heartbeat(project=project, tags=tags), now - timedelta(seconds=age))

    given = call("GET", "/api/v3/badges/").json()["badges"]

    def told(tag: str, fmt: str) -> Any:
        return client.get(given[tag][fmt].removeprefix("http://127.0.0.1:8000")).json()

    assert set(given) == {"*", "a", "b", "c"}
    assert told("a", "json") == {"status": "up", "total": 2, "grace": 1, "down": 0}
    assert told("a", "json3")["status"] == "late"
    assert told("*", "json") == {"status": "down", "total": 3, "grace": 1, "down": 1}
    assert told("c", "shields3") == {"schemaVersion": 1, "label": "c", "message": "down", "color": "critical"}
    picture = client.get(given["b"]["svg3"].removeprefix("http://127.0.0.1:8000"))
    assert picture["Content-Type"] == "image/svg+xml"
    assert b"late" in picture.content
    assert client.get(f"/badge/{project.badge_key}/xxxxxxxx/a.svg").status_code == 404


def test_one_heartbeat_has_a_badge(client: Client) -> None:
    heartbeat = make_heartbeat()

    assert client.get(f"/b/3/{heartbeat.badge_key}.json").json()["status"] == "up"
    assert client.get(f"/b/2/{uuid4()}.svg").status_code == 404
    assert not Flip.objects.exists()
