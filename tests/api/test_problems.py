"""Whatever goes wrong under /api/, and wherever, the answer is a problem in the shape of RFC 9457."""

import logging

import pytest
from django.db import OperationalError
from django.test import Client

from opsportal.identity import operations
from opsportal.identity.roles import Role
from tests.factories import api
from tests.factories import identity as make

pytestmark = pytest.mark.django_db


def test_anonymous_is_asked_who_they_are():
    answer = Client().get("/api/v1/people/")
    api.assert_problem(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path", ["/api/v1/nowhere/", "/api/", "/api/v1/people", "/api/v2/people/", "/api/v1/people/x/y/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_an_unknown_address_is_a_problem(path, method):
    api.assert_problem(api.caller().send(method, path), 404, "not_found")


@pytest.mark.parametrize("key", ["nobody", "%00", "%ff%fe", "a%2fb", "..%2f", "x" * 3000, "%f0%9f%98%80"])
def test_a_key_that_cannot_be_one_is_not_found(key):
    api.assert_problem(api.caller().get(f"people/{key}/"), 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
def test_a_method_that_is_not_offered_is_405_and_says_what_is(method):
    answer = api.caller().send(method, "people/")
    api.assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_options_shows_no_schema_to_anonymous_and_no_cors_to_anybody():
    answer = Client().options("/api/v1/people/", headers={"Origin": "https://evil.example"})
    api.assert_problem(answer, 401)
    known = api.caller().get("people/", Origin="https://evil.example")
    assert not [name for name in known.headers if name.lower().startswith("access-control")]


def test_a_refused_host_is_a_problem():
    api.assert_problem(api.caller().get("people/", Host="evil.example"), 400)


def test_a_missing_csrf_token_is_a_problem():
    person = make.make_person("ada", roles=[Role.ADMIN])
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    answer = browser.post("/api/v1/teams/", {"slug": "a", "name": "A"}, content_type=api.JSON)
    api.assert_problem(answer, 403, "csrf_failed")


def test_an_unforeseen_failure_is_a_500_without_a_trace_of_the_code(monkeypatch, caplog):
    def fail(**_):
        raise RuntimeError("SELECT secret FROM /home/app/settings.py")

    monkeypatch.setattr(operations, "create_team", fail)
    with caplog.at_level(logging.CRITICAL, "django.request"):
        answer = api.caller().post("teams/", {"slug": "a", "name": "A"})
    problem = api.assert_problem(answer, 500, "internal_error")
    assert "SELECT" not in answer.content.decode()
    assert "settings" not in answer.content.decode()
    assert "RuntimeError" not in problem["detail"]


def test_a_lost_database_is_503_with_a_time_to_come_back(monkeypatch):
    def fail(**_):
        raise OperationalError("connection to server at 10.0.0.5 failed")

    monkeypatch.setattr(operations, "create_team", fail)
    answer = api.caller().post("teams/", {"slug": "a", "name": "A"})
    api.assert_problem(answer, 503, "unavailable")
    assert answer["Retry-After"]
    assert "10.0.0.5" not in answer.content.decode()


def test_plain_http_is_refused_where_https_is_required(settings):
    settings.API_REQUIRES_HTTPS = True
    answer = api.caller().get("people/")
    api.assert_problem(answer, 403, "https_required")
    assert "Location" not in answer


def test_the_trace_id_of_the_body_the_header_or_the_traceparent_is_answered():
    caller = api.caller()
    assert caller.get("people/", X_Correlation_ID="order-7")["X-Correlation-ID"] == "order-7"
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert caller.get("people/", traceparent=parent)["X-Correlation-ID"] == "0af7651916cd43dd8448eb211c80319c"
    made = caller.post("teams/", {"slug": "a", "name": "A", "trace_id": "from-the-body"}, X_Correlation_ID="order-7")
    assert made.status_code == 201
    assert made["X-Correlation-ID"] == "from-the-body"


def test_the_trail_carries_the_trace_id_of_the_request():
    from opsportal.audit import queries

    api.caller().post("teams/", {"slug": "a", "name": "A", "trace_id": "from-the-body"})
    entry = queries.entries_with_trace("from-the-body").get()
    assert (entry.action, entry.source) == ("team.created", "api")


def test_a_trace_id_that_is_none_is_refused_in_the_body():
    answer = api.caller().post("teams/", {"slug": "a", "name": "A", "trace_id": "no spaces\n"})
    api.assert_problem(answer, 422)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "nonsense"])
def test_the_answer_is_json_whatever_is_accepted(accept):
    assert api.caller().get("people/", Accept=accept)["Content-Type"] == "application/json"
