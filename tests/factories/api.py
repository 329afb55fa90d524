"""Talking to the API as a program would: raw bytes, headers, a token."""

from typing import Any

from django.test import Client

from opsportal.identity.models import Person
from tests.factories import identity as make

JSON = "application/json"
PROBLEM = "application/problem+json"


class Caller:
    """A program with a token. Answers are Django responses; `.json()` reads them."""

    def __init__(self, text: str, *, enforce_csrf: bool = True) -> None:
        self.text = text
        self.headers = make.bearer(text) if text else {}
        self.client = Client(enforce_csrf_checks=enforce_csrf, raise_request_exception=False)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        """`headers` in Python spelling: `Idempotency_Key="k"`; Content_Type defaults to JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = named.pop("Content-Type", JSON)
        return self.client.generic(
            method, _address(path), body, content_type=content_type, headers={**self.headers, **named}
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, b"", **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, encoded(body), **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.send("PATCH", path, encoded(body), **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, b"", **headers)


def signed_in(person: Person) -> Caller:
    """Somebody in a browser: a session and no token."""
    somebody = Caller("", enforce_csrf=False)
    somebody.client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return somebody


def caller(*scopes: str, **fields: Any) -> Caller:
    """A caller with a fresh token of these scopes (default: admin)."""
    return Caller(make.make_token(*scopes, **fields)[1])


def encoded(body: Any) -> bytes:
    import json

    if body is None:
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def assert_problem(response: Any, status: int, code: str = "") -> dict[str, Any]:
    """The answer is a refusal in the shape of RFC 9457, and not a byte of HTML."""
    assert response.status_code == status, (response.status_code, response.content[:500])
    assert response["Content-Type"] == PROBLEM
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors", "trace_id"}
    assert problem["status"] == status
    assert problem["trace_id"] == response["X-Correlation-ID"]
    assert b"<html" not in response.content.lower()
    assert not code or problem["code"] == code, problem
    return problem


def _address(path: str) -> str:
    return path if path.startswith(("/", "http")) else f"/api/v1/{path}"
