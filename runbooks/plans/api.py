"""/api/v1/replay/plans/: many payloads at once, looked through first, approved where it takes two, watched."""

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.approvals import operations as approvals
from opsportal.approvals.sessions import proved_at
from opsportal.approvals.states import State
from opsportal.errors import Conflict
from opsportal.identity.actors import actor_of, principal_of, require_person
from opsportal.identity.queries import person_of
from runbooks.models import PlanItem, ReplayPlan
from runbooks.plans import operations, queries
from runbooks.plans.shapes import (
    ChangePlanSerializer,
    DryRunSerializer,
    NewPlanSerializer,
    PlanItemSerializer,
    PlanNoteSerializer,
    PlanReasonSerializer,
    PlanReportSerializer,
    PlanRequestSerializer,
    PlanSerializer,
    RenderedPlanItemSerializer,
    WholePlanSerializer,
)
from runbooks.states import PlanState
from runbooks.targets.queries import get_target

STATES = [one.value for one in PlanState]


class PlanViewSet(ResourceViewSet):
    """Replays of many payloads: a dry run first, a second person where it takes one, a canary, and a report."""

    queryset = ReplayPlan.objects.none()
    serializer_class = PlanSerializer
    read_scope, write_scope = "replay:read", "replay:request"
    lookup_value_regex = "[0-9a-fA-F-]{32,36}"
    filter_fields = {
        "target": ("target__slug", drf.CharField(required=False, max_length=60)),
        "state": ("state", drf.ChoiceField(choices=STATES, required=False)),
        "about_type": "about_type",
        "about_id": "about_id",
    }
    ordering_fields = ("created_at",)
    default_ordering = "-created_at"
    query_fields = {"items": page_fields(), "requests": page_fields()}
    request_serializers = {
        "create": NewPlanSerializer,
        "partial_update": ChangePlanSerializer,
        "cancel": PlanReasonSerializer,
        "dry_run": DryRunSerializer,
        **dict.fromkeys(("shadow", "approve", "start", "pause", "resume"), PlanNoteSerializer),
    }
    response_serializers = {
        "create": {201: WholePlanSerializer},
        "start": {200: WholePlanSerializer, 202: WholePlanSerializer},
        "report": PlanReportSerializer,
        **dict.fromkeys(
            ("retrieve", "partial_update", "dry_run", "shadow", "approve", "pause", "resume", "cancel"),
            WholePlanSerializer,
        ),
    }
    page_serializers = {"items": PlanItemSerializer, "requests": PlanRequestSerializer}

    def get_queryset(self) -> QuerySet[ReplayPlan]:
        return queries.list_plans(principal_of(self.request))

    def create(self, request: Request) -> Response:
        given = self.body()
        target, about = get_target(given.pop("target"), principal_of(self.request)), given.pop("about", {})
        is_frozen, is_shadowed = given.pop("dry_run", True), given.pop("shadow", False)
        with transaction.atomic():
            plan = operations.create_plan(
                target,
                values=given,
                person=person_of(principal_of(self.request)),
                actor=actor_of(request),
                now=self.now,
                about=(about.get("type", ""), about.get("id", "")),
            )
            if is_frozen:
                plan = self._freeze(plan)
            if is_frozen and is_shadowed:
                self._send_to_shadow(plan)
        return self._whole(plan, status=201)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._whole(self.get_object())

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what has not started; it is a draft then, takes another dry run, and no approval of it holds."""
        person = person_of(principal_of(self.request))
        values, actor = self.body(partial=True), actor_of(request)
        return self._whole(
            operations.change_plan(self.get_object(), values=values, person=person, actor=actor, now=self.now)
        )

    @action(detail=True, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request, pk: str) -> Response:
        """Freeze what is selected now, and look each payload through. Nothing is sent; with `shadow` a sample goes to
        the target's shadow address.
        """
        is_shadowed = self.body().get("shadow", False)
        with transaction.atomic():
            plan = self._freeze(self.get_object())
            if is_shadowed:
                self._send_to_shadow(plan)
        return self._whole(plan)

    @action(detail=True, methods=["post"])
    def shadow(self, request: Request, pk: str) -> Response:
        """Send a sample of the dry run to the target's shadow address: the canary, else what goes first, ten at most.
        The answer holds what became of it; under an Idempotency-Key it is read afterwards.
        """
        self.body()
        plan = self.get_object()
        self._send_to_shadow(plan)
        return self._whole(plan)

    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """The second person's yes. A token never gives it, and the session's password must be fresh."""
        reason, plan = self.body().get("reason", ""), self.get_object()
        person = require_person(request, "A person approves this, signed in; a token never does.")
        if plan.state != PlanState.AWAITING_APPROVAL or plan.approval_id is None:
            raise Conflict("invalid_transition", f"This plan is {plan.state}: nothing of it waits for approval.")
        proof = proved_at(request._request)
        decided = approvals.approve(
            plan.approval_id, person=person, now=self.now, authenticated_at=proof, reason=reason
        )
        if decided.state == State.VOIDED:
            raise Conflict("approval_voided", decided.closing_reason)
        return self._whole(plan)

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Start it. 202 where a second person is asked first (a P0, more than 100 in an hour): start it again then."""
        self.body()
        person = person_of(principal_of(request))
        plan = operations.start_plan(self.get_object(), person=person, actor=actor_of(request), now=self.now)
        return self._whole(plan, status=200 if plan.state == PlanState.RUNNING else 202)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Let nothing more go, and hold back what has not left."""
        return self._moved(operations.pause_plan)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on; after the canary this says that it was looked at, so a person resumes then, never a token."""
        return self._moved(operations.resume_plan)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End it. What was delivered stays; what has not left is held."""
        return self._moved(operations.cancel_plan)

    @action(detail=True, methods=["get"])
    def report(self, request: Request, pk: str) -> Response:
        """What it came to so far, counted from the ledger and the attempts."""
        report = queries.report_of(self.get_object())
        return Response(PlanReportSerializer({**asdict(report), "sentence": report.sentence}).data)

    @action(detail=True, methods=["get"])
    def items(self, request: Request, pk: str) -> Response:
        """The frozen payloads."""
        return self.page(self._rows(), PlanItemSerializer, ordering="position")

    @action(detail=True, methods=["get"])
    def requests(self, request: Request, pk: str) -> Response:
        """The frozen payloads with the exact requests that would be sent."""
        return self.page(self._rows(), RenderedPlanItemSerializer, ordering="position")

    def _rows(self) -> QuerySet[PlanItem]:
        return queries.list_rows(self.get_object(), principal_of(self.request))

    def _freeze(self, plan: ReplayPlan) -> ReplayPlan:
        return operations.freeze_plan(
            plan, principal=principal_of(self.request), actor=actor_of(self.request), now=self.now
        )

    def _send_to_shadow(self, plan: ReplayPlan) -> None:
        person = person_of(principal_of(self.request))
        operations.send_to_shadow(plan, person=person, actor=actor_of(self.request), now=self.now)

    def _moved(self, operation: Any) -> Response:
        reason = self.body().get("reason", "")
        return self._whole(operation(self.get_object(), reason=reason, actor=actor_of(self.request), now=self.now))

    def _whole(self, plan: ReplayPlan, *, status: int = 200) -> Response:
        fresh = queries.get_plan(plan.pk, principal_of(self.request))
        return Response(WholePlanSerializer(fresh, context=self.get_serializer_context()).data, status=status)


routes: list[routing.Route] = [("replay/plans", PlanViewSet, "replay-plan")]
