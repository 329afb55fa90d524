"""The bases of every address under /api/v1/: scopes, checked queries, cursor pages, idempotency, problems.

A room declares what it reads and writes and makes one domain call in each method; everything else happens here.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, ClassVar, cast

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import serializers as drf
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from opsportal import clock, trace
from opsportal.api import idempotency, parsers, querystring
from opsportal.api.errors import SAFE_METHODS, Malformed
from opsportal.api.idempotency import Answer
from opsportal.api.pagination import DEFAULT_LIMIT, MAX_CURSOR_LENGTH, MAX_LIMIT, Key, paginate
from opsportal.api.permissions import Principal, ScopePermission, credential_of, principal_of
from opsportal.api.schema import AutoSchema
from opsportal.api.throttles import WriteThrottle

SerializerClass = type[drf.Serializer[Any]]


class AlwaysJSON(BaseContentNegotiation):
    """There is one representation, so `Accept` decides nothing."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        asked = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == asked), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""


def page_fields() -> dict[str, querystring.Field]:
    """The query parameters of every list."""
    return {
        "limit": drf.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, required=False),
        "cursor": drf.CharField(required=False, max_length=MAX_CURSOR_LENGTH),
    }


class BaseViewSet(GenericViewSet[Any]):
    """An address without a standard list or detail. After `initial`: `self.query`, `self.now`, `self.principal`.

    read_scope, write_scope: the scope for safe and for writing methods; None lets any known principal in.
    action_scopes: exceptions by action name.
    person_scopes: further exceptions for signed-in people, where whose record it is decides: the action checks that.
    query_fields: action name -> {parameter: serializer field}; what is not declared is refused (400).
    request_serializers: action name -> body; without one a writing action reads `serializer_class`.
    response_serializers: action name -> answer, for the schema; None means an empty answer.
    page_serializers: action name -> item of the cursor page that the action answers, for the schema.
    """

    read_scope: ClassVar[str | None] = None
    write_scope: ClassVar[str | None] = None
    action_scopes: ClassVar[Mapping[str, str | None]] = {}
    person_scopes: ClassVar[Mapping[str, str | None]] = {}
    query_fields: ClassVar[Mapping[str, querystring.Fields]] = {}
    request_serializers: ClassVar[Mapping[str, SerializerClass | None]] = {}
    response_serializers: ClassVar[Mapping[str, Any]] = {}
    page_serializers: ClassVar[Mapping[str, SerializerClass]] = {}
    max_body_bytes: ClassVar[int] = parsers.MAX_BODY_BYTES
    gzip_allowed: ClassVar[bool] = False

    parser_classes = [parsers.StrictJSONParser]
    permission_classes = [ScopePermission]
    throttle_classes = [WriteThrottle]
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    schema = AutoSchema()
    lookup_value_regex = "[^/]+"

    query: dict[str, Any]
    now: datetime

    @property
    def principal(self) -> Principal:
        """Who asks; ScopePermission let nobody unknown in."""
        return cast(Principal, principal_of(self.request))

    def required_scope(self) -> str | None:
        """The scope this request needs. Unmapped methods ask for none: they end in 405."""
        if self.action in (None, "metadata"):
            return None
        if self.request.auth is None and self.action in self.person_scopes:
            return self.person_scopes[self.action]
        return self.scope_of(self.action, self.request.method or "")

    def scope_of(self, action: str | None, method: str) -> str | None:
        """The scope a token needs for an action: what the document says."""
        if action in self.action_scopes:
            return self.action_scopes[action or ""]
        return self.read_scope if method in SAFE_METHODS else self.write_scope

    def parameters(self) -> querystring.Fields:
        """The query parameters of the present action."""
        return self.query_fields.get(self.action or "", {})

    # --- For subclasses ---

    def body(self, serializer_class: SerializerClass | None = None, *, partial: bool = False) -> dict[str, Any]:
        """The checked body of this request; raises ValidationError (422)."""
        chosen: Any = serializer_class or self.request_serializers.get(self.action or "") or self.get_serializer_class()
        serializer = chosen(data=self.request.data, partial=partial, context=self.get_serializer_context())
        if self._callers_trace_id() and "trace_id" not in serializer.fields:  # every body may carry one
            data: Any = self.request.data
            serializer.initial_data = {name: data[name] for name in data if name != "trace_id"}
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def answer(self, record: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """One record as `serializer_class` shows it."""
        return Response(self.get_serializer(record).data, status=status, headers=dict(headers or {}))

    def page(
        self, queryset: QuerySet[Any], serializer_class: SerializerClass | None = None, *, ordering: str = "pk"
    ) -> Response:
        """A cursor page of `queryset`; the action declares `page_fields()` among its `query_fields`."""
        chosen = serializer_class or self.get_serializer_class()
        page = paginate(
            queryset,
            self.request,
            keys=_keys(queryset, ordering.split(",")),
            limit=self.query["limit"],
            cursor=self.query.get("cursor"),
        )
        rows = chosen(page.rows, many=True, context=self.get_serializer_context()).data
        return Response({"results": rows, "next": page.next, "previous": page.previous})

    def get_object(self) -> Any:
        """The record of this address, or 404: also when it is hidden, and when the key cannot be one."""
        key = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        try:
            return self.get_queryset().get(**{self.lookup_field: key})
        except (ObjectDoesNotExist, ValidationError, ValueError, TypeError):
            raise Http404 from None

    # --- The course of a request ---

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now = clock.now()
        super().initial(request, *args, **kwargs)
        if any("\x00" in str(value) for value in kwargs.values()):  # PostgreSQL refuses NUL in a parameter
            raise Http404
        if self.action not in (None, "metadata"):
            self.query = querystring.read(request.query_params, self.parameters())
        if request.method not in SAFE_METHODS:
            self.take_body()

    def take_body(self) -> None:
        """Read the whole body, bounded. What streams leaves it to its method (parsers.stream_body)."""
        parsers.read_body(self.request._request, limit=self.max_body_bytes, gzip_allowed=self.gzip_allowed)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        with trace.scope(trace_id=trace.current_trace_id(), source="api") as trace_id:
            try:
                self.initial(self.request, *args, **kwargs)
                key, callers_trace_id = idempotency.key_of(self.request), self._callers_trace_id()
            except Exception as exc:
                return self._traced(self._finish(self.handle_exception(exc)), trace_id)
        with trace.scope(trace_id=callers_trace_id or trace_id, source="api") as trace_id:
            return self._traced(self._once(key) if key else self._run(), trace_id)

    def _run(self, *, atomic: bool = False) -> Response:
        """Call the method; what it raises becomes an answer, and with `atomic` its writes are undone."""
        try:
            name = (self.request.method or "").lower()
            handler: Callable[..., Response] = getattr(self, name, self.http_method_not_allowed)
            with transaction.atomic() if atomic else nullcontext():
                response = handler(self.request, *self.args, **self.kwargs)
        except Exception as exc:
            response = self.handle_exception(exc)
        return self._finish(response)

    def _once(self, key: str) -> HttpResponse:
        """The method under an idempotency key: see opsportal.api.idempotency."""
        request = self.request
        credential = credential_of(self.principal)
        try:
            answer = idempotency.once(
                scope=idempotency.scope_of(credential, request.method or "", request.path, key),
                request_hash=hashlib.sha256(request.META["QUERY_STRING"].encode() + b"\n" + request.body).digest(),
                now=self.now,
                produce=lambda: _answer_of(self._run(atomic=True)),
            )
        except Exception as exc:
            return self._finish(self.handle_exception(exc))
        response = HttpResponse(answer.body, status=answer.status, headers={**self.headers, **answer.headers})
        if answer.replayed:
            response["Idempotency-Replayed"] = "true"
        return response

    def _finish(self, response: Response) -> Response:
        self.response = self.finalize_response(self.request, response, *self.args, **self.kwargs)
        return self.response

    def _traced(self, response: HttpResponse, trace_id: str) -> HttpResponse:
        if isinstance(response, Response):
            response.render()
        response["X-Correlation-ID"] = trace_id
        return response

    def _callers_trace_id(self) -> str:
        """The trace id of a JSON body; a bad one is left to the serializer to refuse."""
        if self.request.method in SAFE_METHODS or parsers.StrictJSONParser not in self.parser_classes:
            return ""
        data = self.request.data
        given = data.get("trace_id") if isinstance(data, dict) else None
        return given if isinstance(given, str) and trace.is_valid(given) else ""

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Cache-Control": "no-store"}


class ResourceViewSet(BaseViewSet):
    """A resource with a list and a detail address.

    filter_fields: parameter -> ORM lookup, or (lookup, serializer field); or just the names.
    ordering_fields: parameter value -> ORM path; or just the names. default_ordering as in `?ordering=`.
    search_fields: ORM paths that `q` looks into.
    """

    filter_fields: ClassVar[querystring.Filters | Sequence[str]] = {}
    ordering_fields: ClassVar[Mapping[str, str] | Sequence[str]] = ()
    search_fields: ClassVar[Sequence[str]] = ()
    default_ordering: ClassVar[str] = "pk"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.page(self.narrowed(self.get_queryset()), ordering=self.asked_ordering())

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.get_object())

    def parameters(self) -> querystring.Fields:
        declared = super().parameters()
        return {**self.list_parameters(), **declared} if self.action == "list" else declared

    def list_parameters(self) -> dict[str, querystring.Field]:
        fields = querystring.filter_fields(self._model(), querystring.as_filters(self.filter_fields)) | page_fields()
        if self.search_fields:
            fields["q"] = drf.CharField(required=False, max_length=200)
        if self.ordering_fields:
            fields["ordering"] = drf.CharField(required=False, max_length=200)
        return fields

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that the filters and `q` ask for."""
        queryset = queryset.filter(querystring.filter_condition(querystring.as_filters(self.filter_fields), self.query))
        text = self.query.get("q", "")
        return queryset.filter(querystring.search_condition(self.search_fields, text)) if text else queryset

    def asked_ordering(self) -> str:
        """`?ordering=` as ORM paths, or the default."""
        asked = self.query.get("ordering")
        if not asked:
            return self.default_ordering
        declared = self.ordering_fields
        paths = declared if isinstance(declared, Mapping) else {name: name for name in declared}
        names = asked.split(",")
        for name in names:
            if name.removeprefix("-") not in paths or names.count(name) > 1:
                raise Malformed("bad_value", f"One can order by {', '.join(paths)}.", field="ordering")
        return ",".join(name[: name.startswith("-")] + paths[name.removeprefix("-")] for name in names)

    def _model(self) -> type[Model]:
        queryset: Any = getattr(self, "queryset", None)
        if queryset is None:
            queryset = self.get_queryset()
        return cast("type[Model]", queryset.model)


def _keys(queryset: QuerySet[Any], names: Sequence[str]) -> list[Key]:
    """The columns of an order, the primary key last, in the direction of the column before it: one index serves."""
    names = [name for name in names if name.removeprefix("-") not in ("pk", queryset.model._meta.pk.name)] or list(
        names
    )
    if names[-1].removeprefix("-") not in ("pk", queryset.model._meta.pk.name):
        names = [*names, "-pk" if names[-1].startswith("-") else "pk"]
    return [_key(queryset, name) for name in names]


def _key(queryset: QuerySet[Any], name: str) -> Key:
    path = name.removeprefix("-")
    annotation = queryset.query.annotations.get(path)
    if annotation is not None:
        return Key(path, name.startswith("-"), annotation.output_field, nullable=True)
    column = querystring.model_field(queryset.model, path)
    if column is None:
        raise TypeError(f"{queryset.model.__name__} has no column {path} to order by")
    return Key(path, name.startswith("-"), column, nullable=column.null or "__" in path)


def _answer_of(response: Response) -> Answer:
    response.render()
    headers = {name: response[name] for name in idempotency.KEPT_HEADERS if name in response}
    return Answer(response.status_code, headers, response.content)
