"""The OpenAPI document and a page that reads it aloud: /api/v1/schema/ and /api/v1/docs/."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.views import APIView

from opsportal.api.permissions import KnownPermission

Schema = dict[str, Any]
MOST_ON_A_PAGE = 20  # operations; some twenty are 90 kB


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a property: what it is called, what it takes, whether it is needed."""

    name: str
    kind: str
    required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address, ready to be shown."""

    anchor: str
    method: str
    path: str
    scope: str
    summary: str
    description: str
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    answer_status: str
    is_page: bool
    curl: str

    @property
    def short_path(self) -> str:
        return self.path.removeprefix("/api/v1")

    @property
    def tables(self) -> list[tuple[str, list[Field]]]:
        """What there is to tell about its fields, under captions."""
        answer = f"Answer {self.answer_status}" + (", each of its results" if self.is_page else "")
        captions = (("Parameters", self.parameters), ("Body", self.body), (answer, self.answer))
        return [(caption, fields) for caption, fields in captions if fields]


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    operations: list[Operation]


@cache
def document() -> Schema:
    """The OpenAPI 3 document. Made once for each process: it depends on the code alone."""
    generator = SchemaGenerator()
    schema: Schema = generator.get_schema(request=None, public=True)
    return schema


class SchemaView(APIView):
    """The document as JSON, for anybody known."""

    schema = None
    metadata_class = None
    permission_classes = [KnownPermission]

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(json.dumps(document()), content_type="application/vnd.oai.openapi+json")


def index(request: HttpRequest) -> HttpResponse:
    """The same for people: how the API works, and what there is."""
    context = {
        "title": "API",
        "sections": sections(document()),
        "writes_per_minute": settings.API_WRITES_PER_MINUTE,
    }
    return render(request, "api/docs.html", context)


def resource(request: HttpRequest, name: str) -> HttpResponse:
    """One resource with everything one can send it."""
    section = next((section for section in sections(document()) if section.name == name), None)
    if section is None:
        raise Http404
    return render(request, "api/resource.html", {"title": name, "section": section})


def sections(schema: Schema) -> list[Section]:
    """The operations, grouped by the first part of their path."""
    groups: dict[str, list[Operation]] = {}
    for address, methods in schema["paths"].items():
        for method, operation in methods.items():
            shown = _operation(schema, address, method, operation)
            groups.setdefault(operation["tags"][0], []).append(shown)
    return [section for name, operations in groups.items() for section in _pages(name, operations)]


def _pages(name: str, operations: list[Operation]) -> Iterator[Section]:
    """A resource with many operations takes several pages of about the same length."""
    count = -(-len(operations) // MOST_ON_A_PAGE)
    size = -(-len(operations) // count)
    for number in range(count):
        part = operations[number * size : (number + 1) * size]
        yield Section(f"{name}-{number + 1}" if number else name, part)


def _operation(schema: Schema, address: str, method: str, operation: Schema) -> Operation:
    parameters = [_parameter(schema, parameter) for parameter in operation.get("parameters", [])]
    body = _json(operation.get("requestBody", {}))
    status, answer = _answer(operation)
    is_page = set(answer.get("properties", {})) == {"results", "next", "previous"}
    if is_page:
        answer = answer["properties"]["results"]
    return Operation(
        anchor=operation["operationId"],
        method=method.upper(),
        path=address,
        scope=operation.get("x-scope", ""),
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=parameters,
        body=list(_properties(schema, body)),
        answer=list(_properties(schema, answer)),
        answer_status=status,
        is_page=is_page,
        curl=_curl(schema, address, method, body),
    )


def _answer(operation: Schema) -> tuple[str, Schema]:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            return status, _json(response)
    return "", {}


def _json(holder: Schema) -> Schema:
    content: Schema = holder.get("content", {})
    media: Schema = content.get("application/json") or next(iter(content.values()), {})
    schema: Schema = media.get("schema", {})
    return schema


def _parameter(schema: Schema, parameter: Schema) -> Field:
    note = parameter.get("description", "")
    return Field(parameter["name"], _kind(schema, parameter["schema"]), parameter.get("required", False), note)


def _properties(schema: Schema, described: Schema) -> Iterator[Field]:
    resolved = _resolve(schema, described)
    if resolved.get("type") == "array":
        resolved = _resolve(schema, resolved["items"])
    for name, inner in resolved.get("properties", {}).items():
        note = _resolve(schema, inner).get("description", "")
        yield Field(name, _kind(schema, inner), name in resolved.get("required", []), note)


def _resolve(schema: Schema, described: Schema) -> Schema:
    """Follow references and single-branch allOf; of several branches the first tells enough for a reader."""
    for _ in range(8):
        if "$ref" in described:
            described = schema["components"]["schemas"][described["$ref"].rsplit("/", 1)[1]]
        elif branches := described.get("allOf") or described.get("oneOf") or described.get("anyOf"):
            described = {**described, **branches[0]}
            for key in ("allOf", "oneOf", "anyOf"):
                described.pop(key, None) if key not in branches[0] else None
        else:
            break
    return described


def _kind(schema: Schema, described: Schema) -> str:
    resolved = _resolve(schema, described)
    if "enum" in resolved:
        return " | ".join(str(choice) for choice in resolved["enum"] if choice not in (None, ""))
    kind: str = resolved.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema, resolved.get('items', {}))}"
    if limit := resolved.get("maxLength"):
        kind = f"{kind}, at most {limit} characters"
    return {"date-time": "time (ISO 8601)", "uuid": "UUID", "decimal": "decimal string"}.get(
        resolved.get("format", ""), kind
    )


def _curl(schema: Schema, address: str, method: str, body: Schema) -> str:
    """A command that can be pasted; the token stands in a variable, so that it stays out of the shell's history."""
    parts = ["curl", "-H", '"Authorization: Bearer $OPSPORTAL_TOKEN"']
    if method != "get":
        parts += ["-X", method.upper()]
    if example := sample(schema, body):
        parts += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(json.dumps(example))]
    return " ".join([*parts, shlex.quote(f"{settings.BASE_URL}{address}")])


def sample(schema: Schema, described: Schema, depth: int = 0) -> Any:
    """A body with the required properties only."""
    resolved = _resolve(schema, described)
    if "enum" in resolved:
        return resolved["enum"][0]
    if resolved.get("type") == "object" and depth < 4:
        required = resolved.get("required", [])
        inner = resolved.get("properties", {})
        return {name: sample(schema, inner[name], depth + 1) for name in required if name in inner}
    if resolved.get("type") == "array":
        return [sample(schema, resolved.get("items", {}), depth + 1)]
    samples = {"integer": resolved.get("minimum", 1), "number": 1.5, "boolean": True}
    formats = {"date-time": "2026-11-03T09:15:00Z", "date": "2026-11-03", "email": "mara@example.org"}
    return samples.get(resolved.get("type", ""), formats.get(resolved.get("format", ""), "…")) if resolved else None


urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", index, name="api-docs"),
    path("docs/<slug:name>/", resource, name="api-docs-resource"),
]
