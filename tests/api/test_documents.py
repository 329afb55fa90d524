"""The OpenAPI document and the pages that read it aloud."""

import pytest
from django.test import Client

from opsportal.api import docs
from opsportal.identity.roles import SCOPES, Role
from tests.factories import api
from tests.factories import identity as make

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")


def operations():
    for path, methods in docs.document()["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", method, operation


def test_making_the_document_warns_about_nothing(capsys):
    docs.document.cache_clear()
    docs.document()
    assert "Warning" not in capsys.readouterr().err


def test_the_document_is_for_people_and_programs_that_are_known():
    api.assert_problem(Client().get("/api/v1/schema/"), 401)
    assert api.caller("handoffs:write").get("schema/").json()["openapi"].startswith("3.")
    browser = Client()
    browser.force_login(make.make_person("ada", roles=[Role.VIEWER]))
    assert browser.get("/api/v1/schema/").status_code == 200


@pytest.mark.parametrize("name", ["operationId", "summary", "tags", "responses"])
def test_every_operation_has(name):
    assert not [title for title, _, operation in operations() if not operation.get(name)]


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)


def test_every_operation_names_the_scope_it_needs_and_only_known_ones():
    known = {*SCOPES, "handoffs:configure"}
    nameless = {title for title, _, operation in operations() if operation.get("x-scope") not in known}
    # Who may note an absence, or decide, depends on the record.
    assert all("absences" in title or "approvals" in title for title in nameless), nameless


def test_every_operation_tells_its_refusals_as_problems():
    for title, method, operation in operations():
        wanted = {"400", "401", "403", "404"} | ({"409", "413", "415", "422", "429"} if method != "get" else set())
        assert wanted <= set(operation["responses"]), title
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (title, status)


def test_every_post_takes_an_idempotency_key():
    for title, method, operation in operations():
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("Idempotency-Key" in names) == (method == "post"), title


def test_bodies_are_closed_and_may_carry_a_trace_id():
    schemas = docs.document()["components"]["schemas"]
    for title, _, operation in operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if "$ref" in content:
            body = schemas[content["$ref"].rsplit("/", 1)[1]]
            assert body.get("additionalProperties") is False, title
            assert "trace_id" in body["properties"], title


def test_the_pages_show_every_operation():
    browser = Client()
    browser.force_login(make.make_person("ada", roles=[Role.VIEWER]))
    index = browser.get("/api/v1/docs/").content.decode()
    for section in docs.sections(docs.document()):
        page = browser.get(f"/api/v1/docs/{section.name}/")
        assert page.status_code == 200
        assert len(page.content) < 100_000
        for operation in section.operations:
            assert f'id="{operation.anchor}"' in page.content.decode()
            assert f"#{operation.anchor}" in index
    assert browser.get("/api/v1/docs/nothing/").status_code == 404
