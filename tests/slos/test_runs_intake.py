"""Runs over the API: one, a list, a stream; who may say and see what; and what no database should see."""

import gzip
import json
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from opsportal.errors import InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.models import DirtyMinute, Run
from slos.runs.intake import read_line
from tests.factories.api import assert_problem, caller
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team, make_token

pytestmark = pytest.mark.django_db
NDJSON = "application/x-ndjson"
STATUSES = ("created", "updated", "duplicate", "conflict", "invalid")


def end(number: int = 1, **said: Any) -> dict[str, Any]:
    times = {"started_at": "2026-01-05T09:00:00Z", "finished_at": "2026-01-05T09:01:30+00:00"}
    return {"automation": "lead-router", "run_id": f"r{number}", "status": "succeeded", **times, **said}


def stream(*items: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in items)


def bulk(body: bytes, token: Any = None, **headers: str) -> Any:
    return (token or caller("runs:write")).send("POST", "runs/bulk/", body, Content_Type=NDJSON, **headers)


def taken(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return json.loads(b"".join(answer.streaming_content) if answer.streaming else answer.content)


def counts(**given: int) -> dict[str, int]:
    return dict.fromkeys(STATUSES, 0) | given


def test_one_run_is_told_when_it_starts_and_when_it_ends():
    make_automation("lead-router")
    token = caller("runs:write", "runs:read")
    start = {"automation": "lead-router", "run_id": "r1", "status": "running", "started_at": "2026-01-05T09:00:00Z"}
    first = token.post("runs/", start)
    assert (first.status_code, first.json()["status"]) == (201, "created")
    again = token.post("runs/", start)
    assert (again.status_code, again.json()) == (200, {"status": "duplicate", "id": first.json()["id"]})
    over = token.post("runs/", end(duration=90, steps=[{"name": "fetch", "duration": 1.5}], cost="0.0125"))
    assert (over.status_code, over.json()["status"]) == (200, "updated")
    assert token.post("runs/", start).json()["status"] == "duplicate"
    assert_problem(token.post("runs/", end(status="failed")), 409, "run_id_conflict")
    found = token.get(f"runs/{first.json()['id']}/").json()
    assert (found["id"], found["status"]) == (first.json()["id"], "succeeded")  # the id it was given, letter by letter
    assert (found["started_at"], found["finished_at"]) == ("2026-01-05T09:00:00Z", "2026-01-05T09:01:30Z")
    assert (found["duration"], found["cost"], found["automation"]) == (90.0, "0.012500", "lead-router")
    assert found["steps"] == [{"name": "fetch", "status": "succeeded", "duration": 1.5}]


def test_a_single_report_takes_the_correlation_id_of_its_request_unless_it_says_one():
    make_automation("lead-router")
    token = caller("runs:write")
    assert token.post("runs/", end(1), X_Correlation_ID="lead-1").status_code == 201
    assert token.post("runs/", end(1), X_Correlation_ID="lead-2").json()["status"] == "duplicate"
    token.post("runs/", end(2, correlation_id="own"), X_Correlation_ID="lead-1")
    token.post("runs/", end(3))
    found = Run.objects.order_by("run_id").values_list("correlation_id", flat=True)
    assert list(found) == ["lead-1", "own", ""]


def test_a_stream_is_answered_line_by_line():
    make_automation("lead-router")
    body = stream(end(1), b"", end(1), end(2, colour="red"), end(1, status="failed"), end(3, automation="x"), b"{")
    answer = taken(bulk(body))
    assert answer["counts"] == counts(created=1, duplicate=1, conflict=1, invalid=3)
    said = [(one["line"], one["status"], one["code"], one["field"]) for one in answer["results"]]
    assert said == [
        (1, "created", None, None),
        (3, "duplicate", None, None),
        (4, "invalid", "unknown_field", "colour"),
        (5, "conflict", "run_id_conflict", "run_id"),
        (6, "invalid", "unknown_automation", "automation"),
        (7, "invalid", "not_json", None),
    ]
    assert taken(bulk(gzip.compress(stream(*map(end, range(50)))), Content_Encoding="gzip"))["counts"] == counts(
        created=49, duplicate=1
    )


def test_a_list_is_answered_in_the_same_way():
    make_automation("lead-router")
    answer = caller("runs:write").post("runs/", [end(1), end(1), end(2, status="asleep"), 7]).json()
    assert answer["counts"] == counts(created=1, duplicate=1, invalid=2)
    assert [one["code"] for one in answer["results"]] == [None, None, "invalid_choice", "wrong_type"]


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"run_id": "  "}, "blank", "run_id"),
        ({"run_id": ""}, "blank", "run_id"),
        ({"run_id": "x" * 201}, "max_length", "run_id"),
        ({"started_at": "2026-01-05T09:00:00"}, "naive", "started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "overflow", "started_at"),
        ({"started_at": "2026-01-05T10:00:00Z"}, "ends_before_start", "finished_at"),
        ({"finished_at": None}, "required", "finished_at"),
        ({"duration": 80}, "contradiction", "duration"),
        ({"duration": -1}, "out_of_range", "duration"),
        ({"finished_at": None, "started_at": "9999-12-31T00:00:00Z", "duration": 1e9}, "overflow", "duration"),
        ({"status": "running"}, "contradiction", "finished_at"),
        ({"status": "running", "started_at": None, "finished_at": None}, "required", "started_at"),
        ({"correlation_id": "a b"}, "invalid", "correlation_id"),
        ({"correlation_id": "a", "trace_id": "b"}, "contradiction", "trace_id"),
        ({"attempt": 0}, "out_of_range", "attempt"),
        ({"retries": 10**12}, "out_of_range", "retries"),
        ({"payload_bytes": 1.5}, "wrong_type", "payload_bytes"),
        ({"cost": "1e400"}, "out_of_range", "cost"),
        ({"cost": "-1"}, "out_of_range", "cost"),
        ({"cost": "NaN"}, "out_of_range", "cost"),
        ({"trigger": "moon"}, "invalid_choice", "trigger"),
        ({"tags": {"a": {"b": 1}}}, "wrong_type", "tags.0"),
        ({"tags": {f"t{number}": 1 for number in range(21)}}, "max_length", "tags"),
        ({"steps": [{"name": ""}]}, "blank", "steps.0.name"),
        ({"steps": [{"name": "a"}] * 101}, "max_length", "steps"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(said: dict[str, Any], code: str, field: str):
    values = {name: value for name, value in end(**said).items() if value is not None}
    with pytest.raises(InvalidInput) as refusal:
        read_line(json.dumps(values).encode())
    found = (refusal.value.code, refusal.value.field.replace("[...]", ".0").replace("[0]", ".0"))
    assert found == (code, field)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"run_id":"a\\u0000"}', "nul_character"),
        (b'{"run_id":"a\\ud800"}', "lone_surrogate"),
        (b'{"run_id":"a","run_id":"b"}', "duplicate_key"),
        (b'{"tags":{"a":1,"a":2}}', "duplicate_key"),
        (
            b'{"automation":"a","automation":"b","run_id":"r","status":"succeeded","steps":[{"name":"x"}]}',
            "duplicate_key",
        ),
        (b'{"tags":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "too_deep"),
        (b'{"retries":12345678901234567890}', "number_too_large"),
        (b'{"duration":NaN}', "not_a_number"),
        (b'{"run_id":"\xff"}', "not_utf8"),
        (b"[]", "wrong_type"),
    ],
)
def test_a_line_that_no_database_or_reader_should_see_is_refused(raw: bytes, code: str):
    with pytest.raises(InvalidInput) as refusal:
        read_line(raw)
    assert refusal.value.code == code


def test_a_field_too_many_or_too_few_is_told_in_the_words_of_the_rest_of_the_api():
    make_automation("lead-router")
    token = caller("runs:write")
    assert "There is no such field." in token.post("runs/", end(foo=1)).content.decode()
    too_few = {name: value for name, value in end().items() if name != "run_id"}
    assert "This field is required." in token.post("runs/", too_few).content.decode()


def test_two_of_start_end_and_duration_give_the_third():
    def times(**said: Any) -> tuple[Any, ...]:
        new = read_line(json.dumps({"automation": "a", "run_id": "r", "status": "failed", **said}).encode())
        return str(new.started_at), str(new.finished_at), new.duration_ms

    nine, half_past = "2026-01-05T09:00:00Z", "2026-01-05T09:30:00.250Z"
    both = ("2026-01-05 09:00:00+00:00", "2026-01-05 09:30:00.250000+00:00", 1_800_250)
    assert times(started_at=nine, finished_at=half_past) == both
    assert times(started_at=nine, duration=1800.25) == both
    assert times(finished_at=half_past, duration=1800.25) == both
    assert times(started_at=nine, finished_at=half_past, duration=1801) == both  # a sender's rounding
    assert times(finished_at=half_past) == ("None", both[1], None)


@pytest.mark.parametrize(
    "odd",
    [
        "tab\t line\n back\\slash \\N \\. “quoted” 'x' ✓ \u2028 \x7f",
        "".join(map(chr, range(1, 33))),
        'null","\\","]\n[1,"',
        "\\n\\\\n\\\n\\u0001\\\\",
        "null",
        "\n\\.\n",
    ],
)
def test_texts_come_back_as_they_were_sent(odd: str):
    make_automation("lead-router")
    tags = {"odd": odd, "n": 1, "f": 0.5, "yes": True, "none": None}
    taken(bulk(stream(end(1, request_id=odd, error_message=odd, tags=tags, steps=[{"name": odd}]))))
    run = Run.objects.get()
    assert (run.request_id, run.error_message, run.tags) == (odd, odd, tags)
    assert run.steps == [{"name": odd, "status": "succeeded", "duration": None}]


def test_error_messages_lose_addresses_tokens_and_passwords():
    make_automation("lead-router")
    message = (
        "401 for kim.doe@example.com, Authorization: Bearer abcdef123456789, password=hunter2 "
        'api_key: "sk_live_0123456789" call +49 30 1234567, lead 00QUb000001'
    )
    caller("runs:write").post("runs/", end(1, status="failed", error_message=message))
    kept = Run.objects.get().error_message
    for secret in ("kim.doe", "abcdef123456789", "hunter2", "sk_live_0123456789", "1234567,"):
        assert secret not in kept
    assert "401 for k" in kept
    assert "@example.com" in kept
    assert "lead 00QUb000001" in kept


# --- who may ---


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def test_four_people_and_what_they_see():
    revops, support = make_team("revops"), make_team("support")
    owner = make_person("owner", team=revops)
    people = {
        "owner": (owner, 200, ["r1"]),
        "teammate": (make_person("teammate", team=revops), 200, ["r1"]),
        "outsider": (make_person("outsider", team=support), 404, []),
        "leader": (make_person("leader", roles=[Role.VIEWER]), 403, None),
        "ops lead": (make_person("opslead", roles=[Role.OPS_LEAD], team=support), 200, ["r1"]),
    }
    make_automation("lead-router", team=revops, owner=owner)
    pk = caller("runs:write").post("runs/", end(1)).json()["id"]
    for name, (person, detail, listed) in people.items():
        client = signed_in(person)
        assert client.get(f"/api/v1/runs/{pk}/").status_code == detail, name
        answer = client.get("/api/v1/runs/")
        found = [one["run_id"] for one in answer.json()["results"]] if answer.status_code == 200 else None
        assert found == listed, name


def test_a_token_writes_only_what_it_may_see():
    revops, support = make_team("revops"), make_team("support")
    make_automation("lead-router", team=revops)
    from tests.factories.api import Caller

    outside = Caller(make_token("runs:write", team=support)[1])
    assert_problem(outside.post("runs/", end(1)), 422, "unknown_automation")
    assert taken(bulk(stream(end(1)), outside))["counts"] == counts(invalid=1)
    inside = Caller(make_token("runs:write", team=revops)[1])
    assert inside.post("runs/", end(1)).status_code == 201
    assert_problem(caller("runs:read").post("runs/", end(2)), 403, "missing_scope")
    assert_problem(caller("runs:write").get("runs/"), 403, "missing_scope")


def test_the_list_is_narrowed_and_paged():
    make_automation("lead-router")
    make_automation("deal-sync")
    token = caller("runs:write", "runs:read")
    failed = {"status": "failed", "error_type": "RateLimit", "version": "v2", "environment": "staging"}
    asked = {"correlation_id": "c1", "request_id": "q1", "trigger": "human"}
    token.post("runs/", [end(1, **asked), end(2, **failed), end(3, automation="deal-sync")])

    def found(query: str) -> list[str]:
        return [one["run_id"] for one in token.get(f"runs/?{query}").json()["results"]]

    assert found("") == ["r3", "r2", "r1"]
    assert found("automation=deal-sync") == ["r3"]
    assert found("status=failed") == found("error_type=RateLimit") == found("version=v2") == ["r2"]
    assert found("environment=staging&from=2026-01-05T09:00:00Z&to=2026-01-05T09:00:01Z") == ["r2"]
    assert found("from=2026-01-05T09:00:01Z") == found("to=2026-01-05T09:00:00Z") == []
    at = token.get("runs/?run_id=r2").json()["results"][0]["finished_at"]
    assert found(f"finished_from={at}&automation=deal-sync") == ["r3"]
    assert found(f"finished_to={at}") == []
    assert found("correlation_id=c1") == found("run_id=r1") == ["r1"]
    assert found("trace_id=c1") == found("request_id=q1") == found("trigger=human") == ["r1"]
    assert found("q=ratelim") == found("q=r2") == ["r2"]
    assert found("ordering=id") == found("ordering=started_at") == ["r1", "r2", "r3"]
    assert found("ordering=-started_at&automation=lead-router") == ["r2", "r1"]
    page = token.get("runs/?limit=2").json()
    assert [one["run_id"] for one in token.get(page["next"]).json()["results"]] == ["r1"]
    for query in ("status=asleep", "trigger=moon", "ordering=cost"):
        assert_problem(token.get(f"runs/?{query}"), 400)
    assert_problem(token.get("runs/99999999999999999999/"), 404)


# --- at once ---


@pytest.mark.django_db(transaction=True)
def test_several_that_send_the_same_runs_at_once_write_each_once():
    make_automation("lead-router")
    token, answers = caller("runs:write"), []
    starts = [
        {"automation": "lead-router", "run_id": f"r{number}", "status": "running", "started_at": "2026-01-05T08:59:00Z"}
        for number in range(200)
    ]
    ends = [
        {"automation": "lead-router", "run_id": f"r{number}", "status": "failed", "finished_at": "2026-01-05T09:01:00Z"}
        for number in range(200)
    ]
    orders = [starts + ends, ends + starts, ends[::-1] + starts[::-1], ends[100:] + starts + ends[:100]]

    def send(body: bytes) -> None:
        answers.append(taken(bulk(body, token)))
        connection.close()

    threads = [threading.Thread(target=send, args=[stream(*order)]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert sum(one["counts"]["created"] for one in answers) == 200
    assert sum(one["counts"]["invalid"] + one["counts"]["conflict"] for one in answers) == 0
    assert set(Run.objects.values_list("status", "duration_ms")) == {("failed", 120_000)}
    assert Run.objects.count() == 200
    assert DirtyMinute.objects.count() >= 1


@pytest.mark.django_db(transaction=True)
def test_single_reports_at_once_of_one_run_end_in_one_row():
    make_automation("lead-router")
    token, codes = caller("runs:write"), []

    def send(said: dict[str, Any]) -> None:
        codes.append(token.post("runs/", said).status_code)
        connection.close()

    said = [end(1), end(1), end(1, status="failed"), end(1)]
    threads = [threading.Thread(target=send, args=[one]) for one in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Run.objects.count() == 1
    assert codes.count(201) == 1
    assert sorted(codes) in ([200, 200, 201, 409], [201, 409, 409, 409])
