"""Pings over HTTP: the answers, what is kept of them, and that no bad byte costs one."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from slos.heartbeats.statements import counted_trips
from slos.models import Flip, Heartbeat, Ping
from tests.factories.heartbeats import make_heartbeat, make_project, ping
from tests.factories.identity import NOW

pytestmark = pytest.mark.django_db

RID = "5d0e2e45-3a4d-4d4e-9f0a-6a3d4b3f2a10"


def send(client: Client, heartbeat: Heartbeat, tail: str = "", **extra: Any) -> Any:
    return client.generic("GET", f"/ping/{heartbeat.code}{tail}", **extra)


def test_a_ping_answers_ok_and_moves_the_heartbeat_up(client: Client) -> None:
    heartbeat = make_heartbeat()

    answer = send(client, heartbeat)

    assert (answer.status_code, answer.content) == (200, b"OK")
    assert answer["Ping-Body-Limit"] == "100000"
    assert answer["Access-Control-Allow-Origin"] == "*"
    heartbeat.refresh_from_db()
    assert (heartbeat.status, heartbeat.ping_count) == ("up", 1)
    assert heartbeat.due_at == heartbeat.last_ping_at + timedelta(hours=1)
    assert heartbeat.down_at == heartbeat.due_at + timedelta(minutes=10)
    assert Flip.objects.get().to_status == "up"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_is_a_ping(client: Client, method: str) -> None:
    heartbeat = make_heartbeat()

    assert client.generic(method, f"/ping/{heartbeat.code}").status_code == 200
    assert Ping.objects.get().method == method


@pytest.mark.parametrize(
    ("tail", "kind", "status", "exit_status"),
    [
        ("", "success", "up", None),
        ("/", "success", "up", None),
        ("/start", "start", "new", None),
        ("/fail", "fail", "down", None),
        ("/log", "log", "new", None),
        ("/0", "success", "up", 0),
        ("/1", "fail", "down", 1),
        ("/255", "fail", "down", 255),
    ],
)
def test_the_end_of_the_address_says_what_a_ping_means(
    client: Client, tail: str, kind: str, status: str, exit_status: int | None
) -> None:
    heartbeat = make_heartbeat()

    assert send(client, heartbeat, tail).status_code == 200

    heartbeat.refresh_from_db()
    kept = Ping.objects.get()
    assert (kept.kind, kept.exit_status, heartbeat.status) == (kind, exit_status, status)


def test_an_unknown_code_is_not_found(client: Client) -> None:
    answer = client.get(f"/ping/{uuid4()}")

    assert (answer.status_code, answer.content) == (404, b"not found")


@pytest.mark.parametrize(
    ("tail", "words"), [("/256", b"invalid url format"), ("?rid=nonsense", b"invalid uuid format")]
)
def test_a_bad_part_of_the_address_is_refused_and_the_sign_of_life_is_kept(
    client: Client, tail: str, words: bytes
) -> None:
    heartbeat = make_heartbeat()

    answer = send(client, heartbeat, tail)

    assert (answer.status_code, answer.content) == (400, words)
    heartbeat.refresh_from_db()
    assert heartbeat.last_ping_at is not None


@pytest.mark.parametrize(
    "extra",
    [
        {"data": b"\xff\xfe\x00\x80 not UTF-8", "content_type": "text/plain"},
        {"data": b"{" * 5000, "content_type": "application/json"},
        {"data": b"a=%ff&" * 5000, "content_type": "application/x-www-form-urlencoded"},
        {"data": b"--x\r\nbroken", "content_type": "multipart/form-data; boundary=y"},
        {"data": b"x" * 5_000_000, "content_type": "application/octet-stream"},
        {"HTTP_USER_AGENT": "a\x00b\udc80" + "c" * 500},
        {"QUERY_STRING": "a" + "&a=1" * 3000 + "&%ff=%00"},
        {"HTTP_X_FORWARDED_FOR": "not an address"},
        {"HTTP_X_CORRELATION_ID": "\x00" * 200},
        {"CONTENT_LENGTH": "many"},
    ],
)
def test_no_bad_byte_costs_a_ping(client: Client, extra: dict[str, Any]) -> None:
    heartbeat = make_heartbeat()

    answer = client.generic("POST", f"/ping/{heartbeat.code}", **extra)

    assert answer.status_code == 200
    assert Ping.objects.get().kind == "success"


def test_a_body_is_kept_up_to_the_limit(client: Client) -> None:
    heartbeat = make_heartbeat()

    client.post(f"/ping/{heartbeat.code}", b"\x00\xff" * 60_000, content_type="text/plain")

    assert bytes(Ping.objects.get().body) == b"\x00\xff" * 50_000


def test_a_slug_is_pinged_by_the_key_of_its_project(client: Client) -> None:
    project = make_project()
    make_heartbeat(project=project, ping_slug="db_backup")

    assert client.get(f"/ping/{project.ping_key}/db_backup").content == b"OK"
    assert client.get(f"/ping/{project.ping_key}/db_backup/fail").content == b"OK"
    assert client.get(f"/ping/{project.ping_key}/other").status_code == 404
    assert client.get(f"/ping/{'x' * 22}/db_backup").status_code == 404
    assert client.get(f"/ping/{project.ping_key}/Other").content == b"invalid url format"
    assert [one.kind for one in Ping.objects.order_by("n")] == ["success", "fail"]


def test_two_heartbeats_of_one_slug_are_a_conflict(client: Client) -> None:
    project = make_project()
    for _ in range(2):
        make_heartbeat(project=project, ping_slug="twice")

    answer = client.get(f"/ping/{project.ping_key}/twice")

    assert (answer.status_code, answer.content) == (409, b"ambiguous slug")
    assert not Ping.objects.exists()


def test_create_makes_the_heartbeat_once_and_takes_the_ping(client: Client) -> None:
    project = make_project()

    first = client.get(f"/ping/{project.ping_key}/nightly?create=1")
    second = client.get(f"/ping/{project.ping_key}/nightly?create=1")

    assert (first.status_code, first.content) == (201, b"Created")
    assert (second.status_code, second.content) == (200, b"OK")
    made = Heartbeat.objects.get()
    assert (made.name, made.ping_slug, made.status, made.ping_count) == ("nightly", "nightly", "up", 2)


def test_create_with_a_bad_run_id_creates_nothing(client: Client) -> None:
    project = make_project()

    client.get(f"/ping/{project.ping_key}/nightly?create=1&rid=nonsense")

    assert not Heartbeat.objects.exists()


def test_a_limited_ping_is_told_to_wait_and_counts_as_a_sign_of_life(client: Client, settings: Any) -> None:
    settings.PINGS_PER_MINUTE = 2
    heartbeat = make_heartbeat()
    for _ in range(2):
        send(client, heartbeat)
    before = Heartbeat.objects.get()

    answer = send(client, heartbeat)

    assert (answer.status_code, answer.content) == (429, b"rate limited")
    assert 1 <= int(answer["Retry-After"]) <= 60
    after = Heartbeat.objects.get()
    assert after.last_ping_at > before.last_ping_at
    assert (after.ping_count, Ping.objects.count()) == (3, 2)


def test_only_post_counts_where_the_heartbeat_says_so(client: Client) -> None:
    heartbeat = make_heartbeat(options={"methods": "POST"})

    assert send(client, heartbeat).content == b"OK"
    heartbeat.refresh_from_db()
    assert (heartbeat.status, Ping.objects.get().kind) == ("new", "ign")
    client.post(f"/ping/{heartbeat.code}")
    heartbeat.refresh_from_db()
    assert heartbeat.status == "up"


@pytest.mark.parametrize(
    ("body", "kind"), [("all FAILED", "fail"), ("it is DONE", "success"), ("now BEGIN", "start"), ("nothing", "ign")]
)
def test_words_in_the_body_say_what_a_ping_means(client: Client, body: str, kind: str) -> None:
    words = {"filter_http_body": True, "failure_kw": "ERROR, FAILED", "success_kw": "DONE", "start_kw": "BEGIN"}
    heartbeat = make_heartbeat(options=words)

    client.post(f"/ping/{heartbeat.code}", body, content_type="text/plain")

    assert Ping.objects.get().kind == kind


def test_a_body_without_a_word_fails_where_the_heartbeat_says_so(client: Client) -> None:
    heartbeat = make_heartbeat(options={"filter_http_body": True, "success_kw": "DONE", "filter_default_fail": True})

    client.post(f"/ping/{heartbeat.code}", "hm", content_type="text/plain")

    assert Ping.objects.get().kind == "fail"


def test_what_resumes_by_hand_only_ignores_pings_while_paused(client: Client) -> None:
    heartbeat = make_heartbeat(options={"manual_resume": True})
    Heartbeat.objects.update(status="paused")

    assert send(client, heartbeat).content == b"OK"

    heartbeat.refresh_from_db()
    assert (heartbeat.status, Ping.objects.get().kind) == ("paused", "ign")


def test_a_run_keeps_its_id_and_how_long_it_took(client: Client) -> None:
    heartbeat = make_heartbeat()
    ping(heartbeat, NOW, "start", rid=UUID(RID))
    ping(heartbeat, NOW + timedelta(seconds=90), rid=UUID(RID))

    kept = Ping.objects.order_by("-n").first()
    assert kept is not None
    assert (str(kept.rid), kept.duration_ms) == (RID, 90_000)
    heartbeat.refresh_from_db()
    assert heartbeat.last_duration_ms == 90_000
    assert not heartbeat.running.exists()


@pytest.mark.parametrize("tail", ["", "/start", "/fail", "/log", f"/start?rid={RID}", "/7"])
def test_a_ping_costs_two_round_trips(client: Client, tail: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("not run: SQLite has no round trips")
    for _ in range(3):  # the first of a shape is prepared
        heartbeat = make_heartbeat()
        ping(heartbeat, NOW, "start")
        with counted_trips() as trips:
            send(client, heartbeat, tail)

    assert len(trips) == 2
