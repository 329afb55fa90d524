"""/api/v1/runbooks/<slug>/executions/: going through a runbook; and /api/v1/toil/: what is done by hand."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import BaseViewSet, ResourceViewSet
from opsportal.errors import Forbidden
from opsportal.identity.actors import Principal, actor_of, principal_of, require_person
from opsportal.identity.queries import person_of
from runbooks.executions import operations, queries
from runbooks.library import queries as library
from runbooks.models import Execution, ExecutionStep

KEY = r"steps/(?P<key>[a-z0-9-]{1,80})"


class ExecutionStepSerializer(ModelSerializer):
    """`seconds` is the time since the step decided before it; `result` what its button did."""

    person = drf.CharField(source="person_label", read_only=True)
    check = drf.CharField(source="check_text", read_only=True)
    action = drf.JSONField(read_only=True, allow_null=True)
    undo = drf.JSONField(read_only=True, allow_null=True)
    approval = drf.UUIDField(source="approval_id", read_only=True, allow_null=True)

    class Meta:
        model = ExecutionStep
        fields = [
            "key", "section", "number", "title", "text", "check", "action", "state", "person", "at", "seconds", "note",
            "approval", "ran_at", "result", "undo", "undone_at",
        ]  # fmt: skip
        read_only_fields = fields


class ExecutionSerializer(ModelSerializer):
    runbook = drf.SlugRelatedField[Any](slug_field="slug", read_only=True)
    revision = drf.IntegerField(source="revision.number", read_only=True)
    started_by = drf.CharField(source="started_label", read_only=True)
    steps = ExecutionStepSerializer(many=True, read_only=True)
    seconds = drf.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Execution
        fields = [
            "id", "runbook", "revision", "state", "is_drill", "reason", "about_type", "about_id", "started_by",
            "started_at", "finished_at", "seconds", "outcome", "trace_id", "steps",
        ]  # fmt: skip
        read_only_fields = fields


class NewExecutionSerializer(Serializer):
    """`about_type` and `about_id` name what it is for, such as an incident."""

    reason = drf.CharField(max_length=500)
    is_drill = drf.BooleanField(required=False)
    about_type = drf.CharField(max_length=40, required=False)
    about_id = drf.CharField(max_length=150, required=False)


class TickSerializer(Serializer):
    """`holds` false: done, but what was to be seen was not; `note` says what was."""

    holds = drf.BooleanField(required=False)
    note = drf.CharField(max_length=500, required=False, allow_blank=True)


class WhySerializer(Serializer):
    reason = drf.CharField(max_length=500)


class RunSerializer(Serializer):
    """Guarded and dangerous actions need both."""

    reason = drf.CharField(max_length=500, required=False, allow_blank=True)
    confirmed = drf.BooleanField(required=False)


class NothingSerializer(Serializer):
    """An empty body."""


class OutcomeSerializer(Serializer):
    """`holds` says whether the runbook is current; null: not known. A token leaves it out."""

    outcome = drf.CharField(max_length=500)
    holds = drf.BooleanField(required=False, allow_null=True)


class ToilSerializer(Serializer):
    runbook = drf.CharField(source="runbook.slug")
    key = drf.CharField()
    title = drf.CharField()
    count = drf.IntegerField()
    median_seconds = drf.FloatField()
    total_seconds = drf.IntegerField()
    has_action = drf.BooleanField()


class ToilListSerializer(Serializer):
    results = ToilSerializer(many=True)


class ExecutionViewSet(ResourceViewSet):
    """Executions of one runbook. Programs may begin and tick; what a button does is for people."""

    queryset = Execution.objects.none()
    serializer_class = ExecutionSerializer
    read_scope, write_scope = library.READ, library.WRITE
    # Owners go through the runbooks of their own automations: `_check` decides.
    person_scopes = dict.fromkeys(("create", "tick", "skip", "open", "run", "undo", "finish", "abandon"), library.READ)
    lookup_field = "pk"
    lookup_value_regex = "[0-9a-f-]{36}"
    filter_fields = {"state": "state", "is_drill": "is_drill", "about_type": "about_type", "about_id": "about_id"}
    ordering_fields = ("started_at",)
    default_ordering = "-started_at"
    request_serializers = {
        "create": NewExecutionSerializer,
        "tick": TickSerializer,
        "skip": WhySerializer,
        "open": NothingSerializer,
        "run": RunSerializer,
        "undo": WhySerializer,
        "finish": OutcomeSerializer,
        "abandon": WhySerializer,
    }
    response_serializers = {
        "create": {201: ExecutionSerializer},
        **dict.fromkeys(("tick", "skip", "open", "run", "undo"), ExecutionStepSerializer),
    }

    def get_queryset(self) -> QuerySet[Execution]:
        rows = queries.list_executions(self._asking).prefetch_related("steps")
        return rows.filter(runbook__slug=self.kwargs.get("slug", ""))

    def list(self, request: Request, slug: str) -> Response:
        library.get_runbook(slug, principal=self._asking)
        return super().list(request)

    def retrieve(self, request: Request, slug: str, pk: str) -> Response:
        return self.answer(self.get_object())

    def create(self, request: Request, slug: str) -> Response:
        """Begin with the published revision."""
        runbook = library.get_runbook(slug, principal=self._asking)
        self._check(runbook)
        values = self.body()
        about = (values.pop("about_type", ""), values.pop("about_id", ""))
        execution = operations.start_execution(
            runbook, about=about, person=person_of(self._asking), **values, **self._who()
        )
        return self.answer(self.get_queryset().get(pk=execution.pk), status=201)

    @action(detail=True, methods=["post"], url_path=f"{KEY}/tick")
    def tick(self, request: Request, slug: str, pk: str, key: str) -> Response:
        step, values = self._step(key), self.body()
        said = {"holds": values.get("holds", True), "note_text": values.get("note", "")}
        return self._shown(operations.tick_step(step, person=person_of(self._asking), **said, **self._who()))

    @action(detail=True, methods=["post"], url_path=f"{KEY}/skip")
    def skip(self, request: Request, slug: str, pk: str, key: str) -> Response:
        """Leave a step out, with a reason."""
        step = self._step(key)
        return self._shown(operations.skip_step(step, person=person_of(self._asking), **self.body(), **self._who()))

    @action(detail=True, methods=["post"], url_path=f"{KEY}/open")
    def open(self, request: Request, slug: str, pk: str, key: str) -> Response:
        """Take a tick back."""
        step = self._step(key)
        self.body()
        return self._shown(operations.open_step(step, **self._who()))

    @action(detail=True, methods=["post"], url_path=f"{KEY}/run")
    def run(self, request: Request, slug: str, pk: str, key: str) -> Response:
        """Do what the step's action says. A dangerous one is asked for first: `approval` is set, `ran_at` is null."""
        step, person = self._step(key), require_person(request)
        return self._shown(operations.run_step(step, person=person, **self.body(), **self._who()))

    @action(detail=True, methods=["post"], url_path=f"{KEY}/undo")
    def undo(self, request: Request, slug: str, pk: str, key: str) -> Response:
        """Take back what the button did."""
        step, person = self._step(key), require_person(request)
        return self._shown(operations.undo_step(step, person=person, **self.body(), **self._who()))

    @action(detail=True, methods=["post"])
    def finish(self, request: Request, slug: str, pk: str) -> Response:
        """It is over. Open steps are left out for the outcome; of the rollback they were not needed. Whether the
        runbook `holds` is said by a person, never by a token.
        """
        execution, values = self._written(), self.body()
        if values.get("holds") is not None:
            require_person(request, "A person says whether the runbook holds, signed in.")
        operations.finish_execution(execution, person=person_of(self._asking), **values, **self._who())
        return self.answer(self.get_object())

    @action(detail=True, methods=["post"])
    def abandon(self, request: Request, slug: str, pk: str) -> Response:
        """Stopped half-way."""
        operations.abandon_execution(self._written(), **self.body(), **self._who())
        return self.answer(self.get_object())

    @property
    def _asking(self) -> Principal | None:
        return principal_of(self.request)

    def _check(self, runbook: Any) -> None:
        if not library.may_write(self._asking, runbook):
            raise Forbidden("not_yours", "Analysts, ops leads and the automation's owner go through it.")

    def _written(self) -> Execution:
        execution: Execution = self.get_object()
        self._check(execution.runbook)
        return execution

    def _step(self, key: str) -> ExecutionStep:
        return queries.get_step(self._written(), key)

    def _shown(self, step: ExecutionStep) -> Response:
        return Response(ExecutionStepSerializer(step, context=self.get_serializer_context()).data)

    def _who(self) -> dict[str, Any]:
        return {"actor": actor_of(self.request), "now": self.now}


class ToilViewSet(BaseViewSet):
    """What people did by hand, the longest together first: candidates for a button."""

    read_scope = library.READ
    query_fields = {"list": {"from": DateTimeField(required=False), "to": DateTimeField(required=False)}}
    response_serializers = {"list": ToilListSerializer}

    def list(self, request: Request) -> Response:
        until = self.query.get("to", self.now)
        since = self.query.get("from", until - timedelta(days=90))
        rows = queries.list_toil(principal_of(request), since=since, until=until)
        return Response({"results": ToilSerializer(rows[:500], many=True).data})


routes: list[routing.Route] = [
    (r"runbooks/(?P<slug>[a-z0-9-]{1,80})/executions", ExecutionViewSet, "execution"),
    ("toil", ToilViewSet, "toil"),
]
