"""The OpenAPI document, made from what the viewsets declare; generated requests check that it is true."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.plumbing import ResolvedComponent, is_list_serializer
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import serializers as drf

from opsportal import trace

Schema = dict[str, Any]

PROBLEM: Schema = {
    "type": "object",
    "description": "A refusal in the shape of RFC 9457.",
    "required": ["type", "title", "status", "detail", "code", "errors", "trace_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
        "trace_id": {"type": "string"},
    },
}
REFUSALS = {
    "400": "The query string or the body cannot be read.",
    "401": "No valid token and no session.",
    "403": "The scope is missing, or the person may not do this.",
    "404": "There is no such record, or none you may see.",
    "405": "The address does not answer that method.",
    "409": "It does not fit the present state, or the same request is in progress.",
    "413": "The body is too large.",
    "415": "The body is not JSON in UTF-8.",
    "422": "The values cannot be accepted.",
    "429": "Too many writes in one minute.",
    "503": "Not available at present.",
}
SUMMARIES = {
    "list": "List",
    "retrieve": "Read one",
    "create": "Add",
    "update": "Replace",
    "partial_update": "Change",
    "destroy": "Remove",
}
REFUSALS_OF_READS = ("400", "401", "403", "404", "405", "503")
TRACE_ID: Schema = {"type": "string", "pattern": f"^{trace.TRACE_ID.pattern}$", "description": "Yours, or one is made."}
RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}


class AutoSchema(SpectacularSchema):
    """Reads the declarations of `viewsets.BaseViewSet`; other views fall back to what drf-spectacular makes of them."""

    def get_summary(self) -> str:
        """What an operation does, in a word or two; an action is called what it is called in the address."""
        action = str(getattr(self.view, "action", "") or self.method)
        return SUMMARIES.get(action, action.replace("_", " ").capitalize())

    def get_description(self) -> str:  # type: ignore[override]
        """The action's own docstring; what a resource is stands at its list only."""
        action = getattr(self.view, "action", "")
        own = inspect.getdoc(getattr(type(self.view), action, None)) if action not in SUMMARIES else ""
        return own or (inspect.getdoc(type(self.view)) or "" if action == "list" else "")

    def get_override_parameters(self) -> list[Any]:
        parameters = [*super().get_override_parameters(), *self._query_parameters()]
        if self.method == "POST":
            parameters.append(_IDEMPOTENCY_KEY)
        return parameters

    def get_request_serializer(self) -> Any:
        declared: Mapping[str, Any] = getattr(self.view, "request_serializers", {})
        action = getattr(self.view, "action", "")
        return declared[action] if action in declared else super().get_request_serializer()

    def get_response_serializers(self) -> Any:
        declared: Mapping[str, Any] = getattr(self.view, "response_serializers", {})
        action = getattr(self.view, "action", "")
        if action in declared:
            return {204: None} if declared[action] is None else declared[action]
        if self.method == "POST" and action != "create":
            return {200: super().get_response_serializers()}
        return super().get_response_serializers()

    def get_extensions(self) -> Schema:
        """`x-scope`: what a token needs for this operation."""
        view: Any = self.view
        scope = view.scope_of(view.action, self.method) if hasattr(view, "scope_of") else None
        # Configuring is a right of roles; among tokens it belongs to writing.
        return {"x-scope": scope.replace(":configure", ":write")} if scope else {}

    def get_serializer_name(self, serializer: Any, direction: Direction) -> str:
        """Two rooms may each have an ActorSerializer: the second one met carries its room in its name."""
        kind, name = type(serializer), super().get_serializer_name(serializer, direction)
        taken: dict[str, type] = self.registry.__dict__.setdefault("names", {})
        return name if taken.setdefault(name, kind) is kind else f"{_room_of(kind)}{name}"

    def _get_filter_parameters(self) -> list[Any]:
        return []

    def _get_response_bodies(self, direction: Direction = "response") -> Schema:
        item = self._page_item()
        bodies = {"200": self._page(item)} if item is not None else super()._get_response_bodies(direction)
        return {**self._refusals(), **bodies}

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self._page_item() is not None or is_list_serializer(serializer)

    def _get_request_for_media_type(self, serializer: Any, direction: str = "request") -> Any:
        """Every body may carry the caller's trace id, whether or not its serializer declares it."""
        schema, required = super()._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call]
        name = schema.get("$ref", "").rpartition("/")[2] if schema else ""
        if name:
            component = self.registry[name, ResolvedComponent.SCHEMA]
            component.schema.get("properties", {}).setdefault("trace_id", TRACE_ID)
        return schema, required

    def _page_item(self) -> Any:
        view: Any = self.view
        action = getattr(view, "action", "")
        pages: Mapping[str, Any] = getattr(self.view, "page_serializers", {})
        if action in pages:
            return pages[action]
        is_standard = action == "list" and hasattr(self.view, "list_parameters")
        overridden = action in getattr(self.view, "response_serializers", {})
        return view.get_serializer_class() if is_standard and not overridden else None

    def _page(self, item: Any) -> Schema:
        address = {"type": "string", "format": "uri", "nullable": True}
        schema = {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": {"type": "array", "items": self.resolve_serializer(item(), "response").ref},
                "next": address,
                "previous": address,
            },
        }
        return {"description": "A page.", "content": {"application/json": {"schema": schema}}}

    def _refusals(self) -> Schema:
        """Every refusal this address can give, all in the one problem shape."""
        component = ResolvedComponent(name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=PROBLEM)
        self.registry.register_on_missing(component)
        content = {"application/problem+json": {"schema": component.ref}}
        statuses = REFUSALS_OF_READS if self.method == "GET" else REFUSALS
        refusals: Schema = {status: {"description": REFUSALS[status], "content": content} for status in statuses}
        for status in {"429", "503"} & set(refusals):
            refusals[status]["headers"] = RETRY_AFTER
        return refusals

    def _query_parameters(self) -> Iterator[OpenApiParameter]:
        declared = getattr(self.view, "parameters", None)
        for name, field in declared().items() if declared else ():
            schema = dict(self._map_serializer_field(field, "request"))  # type: ignore[no-untyped-call]
            self._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
            yield OpenApiParameter(name, schema, required=field.required, description=str(field.help_text or ""))


_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    description="The same key with the same body is answered as before, for 24 hours.",
)


def _room_of(kind: type) -> str:
    parts = [part for part in kind.__module__.split(".") if part != "opsportal"]
    return parts[0].capitalize()


def close_requests(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Post-processing: request bodies take no further properties, because unknown fields are refused."""
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        if name.endswith("Request") and schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return result


class Empty(drf.Serializer[Any]):
    """A body without fields."""
