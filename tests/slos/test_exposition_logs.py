"""Logs for Loki: one JSON object a line whatever is logged, with ids and sizes, and without secrets or persons."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opsportal import logs, trace

ROOT = Path(__file__).resolve().parents[2]
SECRET = "3f0c1b7e-9f4e-4c53-8d9b-8b1f4c6e2a11"
INBOUND = "0123456789abcdef0123456789abcdef"


def line_of(message: object, *arguments: object, **extra: object) -> str:
    record = logging.LogRecord("opsportal.try", logging.WARNING, __file__, 1, message, arguments, None)
    record.__dict__.update(extra)
    return logs.JsonFormatter().format(record)


@pytest.mark.parametrize(
    "message",
    [
        "two\nlines",
        "carriage\rreturn",
        "\x1b[31mred\x1b[0m",
        '{"level": "critical", "message": "forged"}\n{"level": "critical"}',
        "\u2028 line separator \u2029",
        "\x00\x07\x9b31m",
        "half of a pair \ud800",
        "right to left \u202e",
    ],
)
def test_a_hostile_message_stays_one_line_of_ascii_without_control_characters(message: str):
    line = line_of(message)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == message
    assert json.loads(line)["level"] == "warning"


@given(st.text(max_size=200), st.text(max_size=60))
@hypothesis_settings(max_examples=60)
def test_any_text_reads_back_as_it_was(message: str, path: str):
    line = json.loads(line_of("%s", message, path=path))
    assert (line["message"], line["path"]) == (message, path)


def test_a_placeholder_too_many_costs_no_line():
    assert json.loads(line_of("%s and %s", "one"))["message"] == "%s and %s"


def test_a_line_carries_the_correlation_id_and_the_known_extras_only():
    with trace.scope(trace_id="order-17", source="api"):
        line = json.loads(line_of("taken", payload_bytes=17, outcome="ok", password="no", username="maria"))
    assert line["correlation_id"] == "order-17"
    assert (line["payload_bytes"], line["outcome"]) == (17, "ok")
    assert not {"password", "username"} & set(line)
    assert line["time"].endswith("Z")


def test_a_very_long_message_is_cut():
    assert len(line_of("x" * 1_000_000)) < 10_000


def test_a_traceback_is_one_field():
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("slos", logging.ERROR, __file__, 1, "broken", (), sys.exc_info())
    line = logs.JsonFormatter().format(record)
    assert "\n" not in line
    assert "ValueError: first\nsecond" in json.loads(line)["exception"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/ping/{SECRET}", "/ping/***"),
        (f"/ping/{SECRET}/fail", "/ping/***/fail"),
        (f"/ping/{SECRET}/1", "/ping/***/1"),
        ("/ping/aBcDeFgHiJkLmNoPqRsTuV/nightly-sync/start", "/ping/***/nightly-sync/start"),
        (f"/integrations/webhook/{INBOUND}/", "/integrations/webhook/***/"),
        (f"/integrations/n8n/{INBOUND}/error/", "/integrations/n8n/***/error/"),
        ("/oncall/9f4e4c538d9b8b1f4c6e2a11.ics", "/oncall/***"),
        ("/automations/lead-router/", "/automations/lead-router/"),
        (f"/handoffs/{SECRET}/", f"/handoffs/{SECRET}/"),
        ("/unknown/ops_abcdef_12/x", "/unknown/***/x"),
        ("/unknown/maria@example.org/", "/unknown/***/"),
        ("/unknown/QmFzZTY0LXNlY3JldC1oZXJl1/", "/unknown/***/"),
    ],
)
def test_an_address_is_logged_without_what_opens_it(path: str, shown: str):
    assert logs.masked_path(path, {}) == shown


def test_the_parts_that_a_route_calls_keys_are_masked_whatever_they_look_like():
    assert logs.masked_path("/people/maria/", {"username": "maria"}) == "/people/***/"


@pytest.fixture
def lines():
    """What the access log writes while requests run through the whole stack."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logs.access.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.access.removeHandler(handler)


@pytest.fixture
def json_logs(settings):
    middleware = [one for one in settings.MIDDLEWARE if not one.endswith("AccessMiddleware")]
    with override_settings(LOG_FORMAT="json", MIDDLEWARE=["opsportal.logs.AccessMiddleware", *middleware]):
        yield


@pytest.mark.django_db
def test_each_request_leaves_a_line_that_says_what_came_and_what_became_of_it(json_logs, lines):
    Client().get("/healthz/?token=secret", headers={"X-Correlation-ID": "order-17", "X-Request-ID": "req-1"})
    (line,) = lines()
    assert line["path"] == "/healthz/"
    assert (line["status"], line["outcome"]) == (200, "ok")
    assert (line["correlation_id"], line["request_id"]) == ("order-17", "req-1")
    assert line["payload_bytes"] == 0
    assert line["duration_ms"] > 0
    assert "secret" not in json.dumps(line)


@pytest.mark.django_db
def test_a_refused_request_names_its_size_and_hides_its_key(json_logs, lines):
    body = '{"name": "Maria\\n{\\"level\\": \\"critical\\"}"}'
    Client().post(f"/integrations/webhook/{INBOUND}/", body, content_type="application/json")
    (line,) = lines()
    assert line["path"] == "/integrations/webhook/***/"
    assert (line["outcome"], line["status"]) == ("refused", 404)
    assert line["payload_bytes"] == len(body)
    assert "Maria" not in json.dumps(line)
    assert INBOUND not in json.dumps(line)


@pytest.mark.django_db
def test_hostile_ids_are_replaced_by_our_own(json_logs, lines):
    Client().get("/healthz/", headers={"X-Request-ID": "a b\x1b[31m", "X-Correlation-ID": "x" * 500})
    (line,) = lines()
    assert trace.is_valid(line["request_id"])
    assert trace.is_valid(line["correlation_id"])


@pytest.mark.django_db
def test_without_json_no_request_is_logged(lines):
    Client().get("/healthz/")
    assert lines() == []


def test_the_variable_chooses_the_format_and_other_words_are_refused():
    code = "import django; django.setup(); import logging; logging.getLogger('slos').warning('a\\nb')"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "opsportal.settings", "OPSPORTAL_LOG_FORMAT": "json"}
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert json.loads(said.stderr)["message"] == "a\nb"
    environment["OPSPORTAL_LOG_FORMAT"] = "xml"
    refused = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "line or json" in refused.stderr
