"""/api/v1/runs/: what an automation did, told when it starts and when it ends. One, a list, or NDJSON."""

from functools import partial
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal import trace
from opsportal.api import routing
from opsportal.api.bulk import ONE_OR_LIST, LinesViewSet, take_list
from opsportal.api.lines import Intake
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import BaseViewSet, ResourceViewSet
from opsportal.catalog.models import Automation
from opsportal.catalog.queries import get_automation
from slos.models import QueueGauge, Run
from slos.runs import queries
from slos.runs.engine import NewRun
from slos.runs.intake import read_line, read_run
from slos.runs.operations import record_queue, record_run, record_runs
from slos.states import RunStatus

COUNT: dict[str, Any] = {"min_value": 0, "max_value": 10**9, "required": False}
SIZE: dict[str, Any] = {"min_value": 0, "max_value": 10**15, "required": False, "allow_null": True}
STATUSES = [one.value for one in RunStatus]
TRIGGERS = ["event", "schedule", "human", "api"]


def words(max_length: int) -> drf.CharField:
    """An optional line of text; left out and empty mean the same."""
    return drf.CharField(max_length=max_length, required=False, allow_blank=True)


class StepSerializer(Serializer):
    name = drf.CharField(max_length=120)
    status = drf.ChoiceField(choices=["running", "succeeded", "failed", "skipped", "cancelled"], required=False)
    duration = drf.FloatField(min_value=0, max_value=10**9, required=False, allow_null=True)


class NewRunSerializer(Serializer):
    """A report about a run: that it runs, or how it ended. Of start, end and duration two are enough.

    This is for the document: what is sent is checked by the one schema that every line is checked by (intake.py).
    """

    automation = drf.CharField(max_length=60)
    run_id = drf.CharField(max_length=200)
    status = drf.ChoiceField(choices=STATUSES)
    started_at = DateTimeField(required=False, allow_null=True)
    finished_at = DateTimeField(required=False, allow_null=True)
    duration = drf.FloatField(min_value=0, max_value=10**9, required=False, allow_null=True)
    occurred_at = DateTimeField(required=False, allow_null=True)
    correlation_id = drf.RegexField(f"^{trace.TRACE_ID.pattern}$", required=False)
    trace_id = drf.RegexField(f"^{trace.TRACE_ID.pattern}$", required=False)
    request_id = words(200)
    payload_bytes = drf.IntegerField(**SIZE)
    error_type = words(120)
    error_message = words(20_000)
    attempt = drf.IntegerField(min_value=1, max_value=10**9, required=False)
    retries = drf.IntegerField(**COUNT)
    compensated = drf.BooleanField(required=False)
    interventions = drf.IntegerField(**COUNT)
    version = words(60)
    environment = words(60)
    trigger = drf.ChoiceField(choices=TRIGGERS, required=False, allow_blank=True)
    cost = drf.DecimalField(max_digits=14, decimal_places=6, min_value=0, required=False, allow_null=True)
    items_out = drf.IntegerField(**SIZE)
    tags = drf.DictField(required=False)
    steps = StepSerializer(many=True, required=False)


class RunSerializer(ModelSerializer):
    """A run as its reports add up. `duration` in seconds; `started_at` null where nobody said it."""

    id = drf.CharField(read_only=True, help_text="As the answer to its report named it.")
    automation = drf.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    started_at = drf.SerializerMethodField()
    duration = drf.SerializerMethodField()
    tags = drf.DictField()
    steps = StepSerializer(many=True)

    class Meta:
        model = Run
        fields = [
            "id", "automation", "run_id", "status", "started_at", "finished_at", "duration", "occurred_at",
            "correlation_id", "request_id", "payload_bytes", "error_type", "error_message", "attempt", "retries",
            "compensated", "interventions", "version", "environment", "trigger", "cost", "items_out", "tags", "steps",
            "received_at", "updated_at",
        ]  # fmt: skip

    @extend_schema_field(DateTimeField(allow_null=True))
    def get_started_at(self, run: Run) -> str | None:
        known = run.status == RunStatus.RUNNING or run.duration_ms is not None
        said: str | None = DateTimeField().to_representation(run.started_at) if known else None
        return said

    @extend_schema_field(drf.FloatField(allow_null=True))
    def get_duration(self, run: Run) -> float | None:
        return None if run.duration_ms is None else run.duration_ms / 1000


def _adopting(new: NewRun, request: Request) -> NewRun:
    """A single report without a correlation id takes the one that its request came with."""
    sent = request.headers.get("X-Correlation-ID", ""), request.headers.get("traceparent", "")
    if new.correlation_id or not any(sent):
        return new
    return msgspec.structs.replace(new, correlation_id=trace.from_headers(*sent), is_adopted=True)


def intake_of(principal: Any, now: Any, read: Any) -> Intake[NewRun]:
    """Takes reports about the runs of automations that `principal` may see."""
    return Intake(read, partial(record_runs, among=Automation.objects.visible_to(principal), now=now))


class RunViewSet(ResourceViewSet):
    """Runs of automations. The same run_id again adds to what is known of the run, in whatever order reports arrive."""

    queryset = Run.objects.all()
    serializer_class = RunSerializer
    read_scope, write_scope = "runs:read", "runs:write"
    filter_fields = {
        "automation": ("automation__slug", drf.CharField(required=False, max_length=60)),
        "status": ("status", drf.ChoiceField(choices=STATUSES, required=False)),
        "from": ("started_at__gte", DateTimeField(required=False)),
        "to": ("started_at__lt", DateTimeField(required=False)),
        "finished_from": ("finished_at__gte", DateTimeField(required=False)),
        "finished_to": ("finished_at__lt", DateTimeField(required=False)),
        "run_id": "run_id",
        "correlation_id": "correlation_id",
        "trace_id": "correlation_id",  # as everywhere else in the API
        "request_id": "request_id",
        "trigger": ("trigger", drf.ChoiceField(choices=TRIGGERS, required=False)),
        "error_type": "error_type",
        "version": "version",
        "environment": "environment",
    }
    search_fields = ("run_id", "error_type")
    ordering_fields = ("id", "started_at")
    default_ordering = "-pk"
    request_serializers = {"create": NewRunSerializer}
    response_serializers = {"create": ONE_OR_LIST}

    def get_queryset(self) -> QuerySet[Run]:
        return queries.list_runs(self.principal).select_related("automation")  # type: ignore[arg-type]

    def create(self, request: Request) -> Response:
        if isinstance(request.data, list):
            return take_list(request.data, intake_of(self.principal, self.now, read_run), more="runs/bulk/")
        among = Automation.objects.visible_to(self.principal)
        new = _adopting(read_run(request.data), request)
        recorded = record_run(new=new, among=among, now=self.now)
        status = 201 if recorded.status == "created" else 200
        return Response({"status": recorded.status, "id": recorded.id}, status=status)


class RunBulkViewSet(LinesViewSet):
    """Runs as NDJSON, one a line, gzip allowed: taken in chunks, each whole or not at all, whatever their number.

    One answer for each line. When a connection breaks, send the same again: what was taken answers `duplicate`.
    """

    read_scope, write_scope = "runs:read", "runs:write"

    def intake(self) -> Intake[NewRun]:
        return intake_of(self.principal, self.now, read_line)


class NewQueueSerializer(Serializer):
    depth = drf.IntegerField(min_value=0, max_value=10**15)
    oldest_age_seconds = drf.IntegerField(min_value=0, max_value=10**9, required=False, allow_null=True)


class QueueSerializer(ModelSerializer):
    """How much waits in front of an automation, as it was last reported."""

    automation = drf.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = QueueGauge
        fields = ["automation", "depth", "oldest_age_seconds", "reported_at"]


class QueueViewSet(BaseViewSet):
    """The queue before an automation: report its depth as often as you like, the newest counts."""

    serializer_class = QueueSerializer
    read_scope, write_scope = "runs:read", "runs:write"
    request_serializers = {"create": NewQueueSerializer}
    response_serializers = {"create": {200: QueueSerializer}, "list": {200: QueueSerializer}}

    def list(self, request: Request, slug: str) -> Response:
        gauge = queries.queue_gauges([self._automation(slug)])
        if not gauge:
            raise Http404
        return self.answer(*gauge.values())

    def create(self, request: Request, slug: str) -> Response:
        said = {"oldest_age_seconds": None, **self.body()}
        return self.answer(record_queue(self._automation(slug), **said, now=self.now))

    def _automation(self, slug: str) -> Automation:
        return get_automation(slug, principal=self.principal)  # type: ignore[arg-type]


routes: list[routing.Route] = [
    ("automations/(?P<slug>[^/]+)/queue", QueueViewSet, "automation-queue"),
    ("runs/bulk", RunBulkViewSet, "run-bulk"),  # before runs: "bulk" is no id
    ("runs", RunViewSet, "run"),
]
