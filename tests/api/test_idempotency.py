"""The same request twice has one effect and one answer."""

import os
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections

from opsportal import clock
from opsportal.api import idempotency
from opsportal.api.models import IdempotentAnswer
from opsportal.identity import operations
from opsportal.identity.models import Team
from tests.factories import api

pytestmark = pytest.mark.django_db

SALES = {"slug": "sales", "name": "Sales"}


def test_the_second_answer_is_the_first_one_and_says_so():
    caller = api.caller()
    first = caller.post("teams/", SALES, Idempotency_Key="k1")
    second = caller.post("teams/", SALES, Idempotency_Key="k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert Team.objects.count() == 1


def test_another_body_under_the_same_key_is_refused():
    caller = api.caller()
    caller.post("teams/", SALES, Idempotency_Key="k1")
    other = caller.post("teams/", {"slug": "other", "name": "Other"}, Idempotency_Key="k1")
    api.assert_problem(other, 422, "idempotency_key_reused")
    assert Team.objects.count() == 1


def test_a_key_belongs_to_a_credential_and_an_address():
    first, second = api.caller(), api.caller()
    assert first.post("teams/", SALES, Idempotency_Key="k").status_code == 201
    api.assert_problem(second.post("teams/", SALES, Idempotency_Key="k"), 409, "slug_taken")
    person = {"username": "ada", "name": "Ada"}
    assert first.post("people/", person, Idempotency_Key="k").status_code == 201


def test_a_refusal_is_answered_again_without_looking():
    caller = api.caller()
    refused = caller.post("teams/", {"slug": "not a slug", "name": "A"}, Idempotency_Key="k")
    api.assert_problem(refused, 422)
    again = caller.post("teams/", {"slug": "not a slug", "name": "A"}, Idempotency_Key="k")
    assert again["Idempotency-Replayed"] == "true"
    assert again["Content-Type"] == api.PROBLEM


def test_a_failure_of_ours_is_not_kept(monkeypatch):
    def fail(**_):
        raise RuntimeError("no")

    caller = api.caller()
    with monkeypatch.context() as patched:
        patched.setattr(operations, "create_team", fail)
        assert caller.post("teams/", SALES, Idempotency_Key="k").status_code == 500
    assert not IdempotentAnswer.objects.exists()
    answer = caller.post("teams/", SALES, Idempotency_Key="k")
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer


def test_what_a_failing_request_wrote_goes_with_it(monkeypatch):
    real = operations.create_team

    def write_and_fail(**values):
        real(**values)
        raise RuntimeError("after the effect")

    caller = api.caller()
    monkeypatch.setattr(operations, "create_team", write_and_fail)
    assert caller.post("teams/", SALES, Idempotency_Key="k").status_code == 500
    assert not Team.objects.exists()


def test_a_crash_between_effect_and_stored_answer_leaves_neither(monkeypatch):
    def crash(*_):
        raise SystemExit  # nothing catches it, as nothing catches SIGKILL

    caller = api.caller()
    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "_store", crash)
        with pytest.raises(SystemExit):
            caller.post("teams/", SALES, Idempotency_Key="k")
    assert not Team.objects.exists()
    assert caller.post("teams/", SALES, Idempotency_Key="k").status_code == 201


def test_a_key_is_forgotten_after_a_day():
    caller = api.caller()
    caller.post("teams/", SALES, Idempotency_Key="k")
    IdempotentAnswer.objects.update(created_at=clock.now() - timedelta(hours=25))
    api.assert_problem(caller.post("teams/", SALES, Idempotency_Key="k"), 409, "slug_taken")
    IdempotentAnswer.objects.update(created_at=clock.now() - timedelta(hours=25))
    assert idempotency.prune(clock.now()) == 1
    assert idempotency.prune(clock.now()) == 0


@pytest.mark.parametrize("key", ["x" * 256, "späti", "a\tb", "", "  "])
def test_a_key_that_cannot_be_one_is_refused(key):
    api.assert_problem(api.caller().post("teams/", SALES, Idempotency_Key=key), 400, "bad_idempotency_key")


def test_a_refused_token_stores_nothing():
    api.assert_problem(api.caller("people:read").post("teams/", SALES, Idempotency_Key="k"), 403)
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_have_one_effect():
    """On PostgreSQL who comes while it is worked on gets 409; on SQLite writers queue, so they get the first answer."""
    caller = api.caller()
    answers, start = [], threading.Barrier(20)

    def ask() -> None:
        start.wait()
        try:
            answers.append(api.Caller(caller.text).post("teams/", SALES, Idempotency_Key="k"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Team.objects.count() == 1
    made = [answer for answer in answers if answer.status_code == 201]
    assert sum("Idempotency-Replayed" not in answer for answer in made) == 1
    for answer in answers:
        if answer.status_code != 201:
            api.assert_problem(answer, 409, "in_progress")


@pytest.mark.django_db(transaction=True)
def test_a_request_in_progress_is_409_until_its_process_dies():
    """A process that holds the key is killed: the next request does the work at once, without waiting for a lease."""
    if connection.vendor != "postgresql":
        pytest.skip("advisory locks are PostgreSQL's; on SQLite the file lock queues writers")
    caller = api.caller()
    scope = _scope_of(caller, "k")
    ready_read, ready_write = os.pipe()
    connections.close_all()
    child = os.fork()
    if child == 0:
        _hold_for_ever(scope, ready_write)
    try:
        os.read(ready_read, 1)
        api.assert_problem(caller.post("teams/", SALES, Idempotency_Key="k"), 409, "in_progress")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert _until_free(caller).status_code == 201
    assert Team.objects.count() == 1


def _scope_of(caller: api.Caller, key: str) -> bytes:
    from opsportal.identity import keys
    from opsportal.identity.models import ApiToken

    parsed = keys.parse(caller.text)
    token = ApiToken.objects.get(key_id=parsed.key_id)
    return idempotency.scope_of(f"apitoken:{token.pk}", "POST", "/api/v1/teams/", key)


def _hold_for_ever(scope: bytes, ready: int) -> None:
    def produce():
        Team.objects.create(slug="half", name="Half done")
        os.write(ready, b"x")
        threading.Event().wait()

    idempotency.once(scope=scope, request_hash=b"", now=clock.now(), produce=produce)


def _until_free(caller: api.Caller):
    """PostgreSQL notices a dead client within moments."""
    import time

    answer = caller.post("teams/", SALES, Idempotency_Key="k")
    for _ in range(100):
        if answer.status_code != 409:
            break
        time.sleep(0.05)
        answer = caller.post("teams/", SALES, Idempotency_Key="k")
    return answer


def test_a_kept_answer_cannot_be_read_from_the_table():
    caller = api.caller()
    answer = caller.post("teams/", SALES, Idempotency_Key="k1")
    kept = bytes(IdempotentAnswer.objects.get().body)
    assert answer.content not in kept
    assert b"sales" not in kept
