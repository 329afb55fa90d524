"""Many events in one request: lists and NDJSON streams, an answer for each line, chunks that are whole or not there."""

import gzip
import io
import json
import threading
from typing import Any

import pytest

from handoffs import intake
from handoffs.models import CaseEvent, EventKey, Handoff
from opsportal.api import lines
from opsportal.errors import InvalidInput
from tests.factories.api import assert_problem, caller
from tests.factories.handoffs import make_rule

pytestmark = pytest.mark.django_db
NDJSON = "application/x-ndjson"
BULK = "events/bulk/"


def line(number: int, **said: Any) -> dict[str, Any]:
    values = {"case_id": f"C{number}", "event_name": "Lead created", "timestamp": "2026-01-05T09:00:00Z"}
    return {**values, "source": "crm", "event_id": f"e{number}", **said}


def stream(*items: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in items)


def bulk(body: bytes, token: Any = None, **headers: str) -> Any:
    return (token or caller("events:write")).send("POST", BULK, body, Content_Type=NDJSON, **headers)


def taken(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    return json.loads(b"".join(answer.streaming_content) if answer.streaming else answer.content)


def test_each_line_is_answered_by_its_number():
    body = stream(line(1), b"", line(2, colour="red"), line(1), line(1, event_name="other"), b"{", line(3))
    answer = taken(bulk(body))
    assert answer["counts"] == {"created": 2, "updated": 0, "duplicate": 1, "conflict": 1, "invalid": 2}
    created = answer["results"][0]
    assert created == {"line": 1, "status": "created", "id": str(CaseEvent.objects.get(case_id="C1").pk), "code": None,
                       "field": None}  # fmt: skip
    said = [(one["line"], one["status"], one["code"], one["field"]) for one in answer["results"]]
    assert said[1:] == [
        (3, "invalid", "unknown_field", "colour"),
        (4, "duplicate", None, None),
        (5, "conflict", "event_id_conflict", "event_id"),
        (6, "invalid", "not_json", None),
        (7, "created", None, None),
    ]
    assert answer["results"][2]["id"] == created["id"]


def test_a_list_is_answered_in_the_same_way():
    answer = caller("events:write").post("events/", [line(1), line(1), line(2, case_id=7)]).json()
    assert [one["status"] for one in answer["results"]] == ["created", "duplicate", "invalid"]
    assert (answer["results"][2]["code"], answer["results"][2]["field"]) == ("wrong_type", "case_id")


def test_the_same_stream_again_changes_nothing():
    body, token = stream(*(line(number) for number in range(50))), caller("events:write")
    first = taken(bulk(body, token))
    second = taken(bulk(body, token))
    assert second["counts"]["duplicate"] == 50
    assert [one["id"] for one in first["results"]] == [one["id"] for one in second["results"]]
    assert (CaseEvent.objects.count(), EventKey.objects.count()) == (50, 50)


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b'{"case_id":"a\\u0000","event_name":"b","timestamp":"2026-01-05T09:00:00Z"}', "nul_character", ""),
        (b'{"case_id":"a\\ud800","event_name":"b","timestamp":"2026-01-05T09:00:00Z"}', "lone_surrogate", ""),
        (b'{"case_id":"a","case_id":"b","event_name":"b","timestamp":"2026-01-05T09:00:00Z"}', "duplicate_key", ""),
        (b'{"case_id" :"a","case_id":"b","event_name":"b","timestamp":"2026-01-05T09:00:00Z"}', "duplicate_key", ""),
        (stream(line(1, attributes={"a": 1}))[:-3].replace(b'"a": 1', b'"a":1,"a":2') + b"}}", "duplicate_key", ""),
        (b'{"attributes":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "too_deep", ""),
        (b'{"attributes":{"a":1e999}}', "number_too_large", ""),
        (b'{"attributes":{"a":12345678901234567890}}', "number_too_large", ""),
        (b'{"attributes":{"a":' + b"1" * 5000 + b"}}", "number_too_large", ""),
        (b'{"amount":NaN}', "not_a_number", ""),
        (b'{"case_id":"\xff"}', "not_utf8", ""),
        (b"[]", "wrong_type", ""),
        (b"{} {}", "not_json", ""),
        (b'{"event_name":"b"}', "required", "case_id"),
        (stream(line(1, case_id="  ")), "blank", "case_id"),
        (stream(line(1, channel="x" * 61)), "max_length", "channel"),
        (stream(line(1, actor={"kind": "robot"})), "invalid_choice", "actor.kind"),
        (stream(line(1, actor={"name": "kim"})), "unknown_field", "actor.name"),
        (stream(line(1, timestamp="2026-01-05T09:00:00")), "naive", "timestamp"),
        (stream(line(1, timestamp="0001-01-01T00:00:00+14:00")), "overflow", "timestamp"),
        (stream(line(1, amount="1e400")), "number_too_large", "amount"),
        (b'{"case_id":"' + b"x" * lines.MAX_LINE_BYTES + b'"}', "too_long", ""),
    ],
)
def test_a_line_that_no_database_or_reader_should_see_is_refused(raw: bytes, code: str, field: str):
    with pytest.raises(InvalidInput) as refusal:
        intake.read_line(raw)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_hostile_lines_are_refused_alone():
    answer = taken(bulk(stream(line(1), b'{"a":' + b"[" * 50_000, b"\x00", line(2))))
    assert [one["status"] for one in answer["results"]] == ["created", "invalid", "invalid", "created"]


def test_texts_come_back_as_they_were_sent():
    odd = "tab\t line\n back\\slash \\N \\. “quoted” 'x' ✓ \u2028 \x7f"
    taken(bulk(stream(line(1, location=odd, reason_code="\\N", attributes={"odd": odd, "n": [1, {"a": None}]}))))
    event = CaseEvent.objects.get()
    assert (event.location, event.reason_code, event.attributes) == (odd, "\\N", {"odd": odd, "n": [1, {"a": None}]})


def test_a_packed_stream_is_unpacked():
    body = stream(*(line(number) for number in range(10)))
    packed = gzip.compress(body[:300]) + gzip.compress(body[300:])
    assert taken(bulk(packed, Content_Encoding="gzip"))["counts"]["created"] == 10
    assert_problem(bulk(packed[:-20], Content_Encoding="gzip"), 400, "not_gzip")
    assert_problem(bulk(b"no gzip", Content_Encoding="gzip"), 400, "not_gzip")
    assert_problem(bulk(body, Content_Encoding="br"), 415)


def test_a_bomb_is_bounded_and_what_came_before_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("opsportal.api.bulk.MAX_BULK_BYTES", 100_000)
    monkeypatch.setattr(lines, "CHUNK", 2)
    bomb = gzip.compress(stream(line(1), line(2), line(3)) + b" " * 10_000_000)
    assert_problem(bulk(bomb, Content_Encoding="gzip"), 413, "too_large")
    assert_problem(bulk(b" " * 100_001), 413, "too_large")


def test_more_lines_than_are_read_at_once_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "MAX_LINES", 100)
    assert_problem(bulk(b"\n" * 200_000), 413, "too_large")


def test_a_body_that_ends_early_leaves_whole_chunks_and_its_repeat_is_duplicate(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines.Intake.take, "__kwdefaults__", {"chunk": 10})
    body = stream(*(line(number, location="x" * 150) for number in range(500)))
    token = caller("events:write")
    half = {"CONTENT_TYPE": NDJSON, "wsgi.input": io.BytesIO(body[: len(body) // 2]), "CONTENT_LENGTH": str(len(body))}
    bearer = {"Authorization": f"Bearer {token.text}"}
    cut = token.client.generic("POST", f"/api/v1/{BULK}", b"", headers=bearer, **half)
    assert "ended early" in assert_problem(cut, 400, "unreadable")["detail"]
    kept = CaseEvent.objects.count()
    assert 0 < kept < 500
    assert kept % 10 == 0
    counts = taken(bulk(body, token))["counts"]
    assert (counts["duplicate"], counts["created"]) == (kept, 500 - kept)


def test_only_lines_are_read_there():
    token = caller("events:write")
    assert_problem(token.send("POST", BULK, stream(line(1))), 415)
    assert_problem(token.send("GET", BULK), 405)
    assert_problem(caller("events:read").send("POST", BULK, stream(line(1)), Content_Type=NDJSON), 403)


def test_a_key_makes_the_whole_stream_one():
    body, token = stream(line(1), line(2, event_id="")), caller("events:write")
    first = bulk(body, token, Idempotency_Key="k1")
    again = bulk(body, token, Idempotency_Key="k1")
    assert again["Idempotency-Replayed"] == "true"
    assert taken(first) == taken(again)
    assert CaseEvent.objects.count() == 2
    assert_problem(bulk(stream(line(3)), token, Idempotency_Key="k1"), 422, "idempotency_key_reused")


def test_a_tokens_source_stands_above_what_the_lines_say():
    taken(bulk(stream(line(1)), caller("events:write", source="erp")))
    assert CaseEvent.objects.get().source == "erp"


def test_rules_read_each_case_of_a_stream():
    make_rule(start_on={"event_name": "Lead created"}, respond_on={"event_name": "Called"})
    story = [
        line(1, historical=True),
        line(2, historical=True),
        line(3, case_id="C1", event_name="Called", timestamp="2026-01-05T09:12:00Z", historical=True),
    ]
    taken(bulk(stream(*story)))
    found = Handoff.objects.values_list("external_ref", "state", "elapsed_seconds").order_by("external_ref")
    assert list(found) == [("C1", "responded", 720), ("C2", "open", None)]


def test_a_wrong_clock_is_tolerated_and_flagged():
    from datetime import timedelta

    from opsportal import clock

    ahead = (clock.now() + timedelta(seconds=200)).isoformat()
    beyond = (clock.now() + timedelta(seconds=400)).isoformat()
    make_rule(start_on={"event_name": "Lead created"})
    answer = taken(bulk(stream(line(1, timestamp=ahead), line(2, timestamp=beyond), line(3))))
    assert [(one["status"], one["code"]) for one in answer["results"]] == [
        ("created", None), ("invalid", "in_the_future"), ("created", None)
    ]  # fmt: skip
    assert dict(CaseEvent.objects.values_list("case_id", "clock_skew")) == {"C1": True, "C3": False}
    assert dict(Handoff.objects.values_list("external_ref", "clock_skew")) == {"C1": True, "C3": False}


@pytest.mark.django_db(transaction=True)
def test_two_that_send_the_same_at_once_write_it_once(request: pytest.FixtureRequest):
    from django.db import connection

    make_rule(start_on={"event_name": "Lead created"}, respond_on={"event_name": "Called"})
    story = []
    for number in range(150):
        story.append(line(number, historical=True))
        called = {"case_id": f"C{number}", "event_name": "Called", "timestamp": "2026-01-05T09:12:00Z"}
        story.append(line(number, **called, event_id=f"f{number}", historical=True))
    token, answers = caller("events:write"), []

    def send(body: bytes) -> None:
        answers.append(taken(bulk(body, token)))
        connection.close()

    bodies = [stream(*story), stream(*reversed(story)), stream(*story[100:], *story[:100])]
    threads = [threading.Thread(target=send, args=[body]) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one["counts"]["created"] for one in answers) == 300
    assert sum(one["counts"]["duplicate"] for one in answers) == 600
    assert CaseEvent.objects.count() == 300
    assert set(Handoff.objects.values_list("state", "elapsed_seconds")) == {("responded", 720)}
    assert Handoff.objects.count() == 150


def test_pieces_are_read_as_they_come():
    whole = stream(*(line(number) for number in range(20)))
    for size in (1, 7, 1000):
        found = list(lines.split_lines(whole[at : at + size] for at in range(0, len(whole), size)))
        assert [one.line for one in found] == list(range(1, 21))
        assert json.loads(found[-1].raw)["case_id"] == "C19"
