"""The scope that the document names for an operation is the one that lets a token in, and the only one."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from handoffs.models import BreachReason, CaseEvent
from opsportal.api import docs
from opsportal.audit.models import Entry
from opsportal.identity.operations import add_absence
from opsportal.identity.roles import SCOPES
from opsportal.integrations.operations import create_integration
from tests.factories import api
from tests.factories.approvals import ask
from tests.factories.calendars import make_calendar
from tests.factories.catalog import make_automation
from tests.factories.handoffs import make_handoff, make_rule, tell_event
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.notify import make_subscription

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")


class Operation(NamedTuple):
    method: str
    path: str
    scope: str
    media_type: str
    sample: Any


def operations() -> Iterator[Operation]:
    document = docs.document()
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                said = methods[method]
                content: dict[str, Any] = said.get("requestBody", {}).get("content", {})
                media_type = next(iter(content), "application/json")
                example = docs.sample(document, content[media_type]["schema"] if content else {})
                yield Operation(method.upper(), path, said.get("x-scope", ""), media_type, example)


EVERY = sorted(operations(), key=lambda one: one.method == "DELETE")  # what is gone answers no more questions
RESOURCES = sorted({operation.path.split("/")[3] for operation in EVERY})


@pytest.fixture
def keys(settings: Any) -> dict[str, dict[str, Any]]:
    """{resource: {name in the path: the key of a record that is there}}"""
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]
    sales, person = make_team("sales"), make_person("ada")
    rule = make_rule()
    tell_event("case-1", "created", NOW)
    absence = add_absence(person, from_at=NOW, until=NOW + timedelta(days=9999), actor=SETUP, now=NOW)
    return {
        "approvals": {"id": ask(make_person()).pk},
        "audit": {"id": Entry.objects.latest("id").pk},
        "automations": {"slug": make_automation(owner=person).slug},
        "breach-reasons": {"slug": BreachReason.objects.create(slug="illness", label="Somebody was ill").slug},
        "calendars": {"slug": make_calendar().slug},
        "events": {"id": CaseEvent.objects.latest("id").pk},
        "handoff-rules": {"slug": rule.slug},
        "handoffs": {"id": make_handoff(rule).pk},
        "integrations": {"id": create_integration(kind="webhook", name="CRM", actor=SETUP, now=NOW)[0].pk},
        "people": {"username": person.username, "absence_id": absence.pk},
        "teams": {"slug": sales.slug},
        "traces": {"trace_id": "0123456789abcdef"},
        "webhooks": {"id": make_subscription("http://127.0.0.1:9/")[0].pk},
    }


def ask_for(operation: Operation, keys: dict[str, dict[str, Any]], scopes: list[str]) -> Any:
    path = operation.path.format(**keys.get(operation.path.split("/")[3], {}))
    body = api.encoded(operation.sample)
    return api.caller(*scopes).send(operation.method, path, body, Content_Type=operation.media_type)


def test_every_operation_names_a_scope_that_there_is() -> None:
    assert {operation.scope for operation in EVERY} <= set(SCOPES)
    assert all(operation.scope.endswith(":write") for operation in EVERY if operation.method != "GET")


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_scope_in_the_document_is_the_one_that_counts(keys: dict[str, dict[str, Any]], resource: str) -> None:
    for operation in (one for one in EVERY if one.path.split("/")[3] == resource):
        others = [scope for scope in SCOPES if scope not in (operation.scope, "admin")]
        refused = ask_for(operation, keys, others)
        assert refused.status_code == 403, f"{operation} without its scope: {refused.content!r}"
        assert refused.json()["code"] == "missing_scope", operation
        let_in = ask_for(operation, keys, [operation.scope])
        assert let_in.status_code in (200, 201, 204, 404, 409, 422, 400), f"{operation} with it: {let_in.content!r}"
        if operation.path.count("{") and "trace" not in operation.path:
            assert let_in.status_code != 404, f"{operation} was asked of no record: {let_in.content!r}"
