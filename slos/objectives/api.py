"""/api/v1/slos/: what is promised of automations, the time that does not count, versions, and the arithmetic."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.approvals.models import Approval
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.queries import person_of
from slos.budgets.api import BUDGET_QUERY_FIELDS, BUDGET_RESPONSES, BudgetActions
from slos.models import Exclusion, Slo
from slos.objectives import formula as arithmetic
from slos.objectives import operations, proposals, queries, retiring
from slos.objectives.definition import Definition
from slos.objectives.document import from_document, to_document
from slos.objectives.shapes import (
    ChangeSloSerializer,
    ExclusionSerializer,
    FormulaLineSerializer,
    NewExclusionSerializer,
    SloProposalSerializer,
    SloProposedSerializer,
    SloReasonSerializer,
    SloSerializer,
    SloVersionSerializer,
)
from slos.states import SloState


class SloViewSet(BudgetActions, ResourceViewSet):
    """Objectives. One that does not hold together is refused with everything that is wrong, each at its field."""

    queryset = Slo.objects.none()
    serializer_class = SloSerializer
    read_scope, write_scope = "slos:read", queries.WRITE
    # Owners write the SLOs of their own automations: `_allow` decides. Analysts propose.
    person_scopes = dict.fromkeys(
        (
            "create", "partial_update", "activate", "retire", "propose", "add_exclusion", "withdraw_exclusion",
        ),
        "slos:read",
    )  # fmt: skip
    lookup_field = "slug"
    filter_fields = {
        "automation": "automation__slug",
        "team": "automation__team__slug",
        "kind": "kind",
        "method": "method",
        "state": "state",
    }
    ordering_fields = ("slug", "name", "created_at", "updated_at")
    search_fields = ("slug", "name", "description")
    default_ordering = "slug"
    query_fields = {
        **BUDGET_QUERY_FIELDS,
        "exclusions": page_fields(),
        "versions": page_fields(),
    }
    request_serializers = {
        "partial_update": ChangeSloSerializer,
        "propose": SloProposalSerializer,
        "activate": SloReasonSerializer,
        "retire": SloReasonSerializer,
        "add_exclusion": NewExclusionSerializer,
        "withdraw_exclusion": SloReasonSerializer,
    }
    response_serializers = {
        **BUDGET_RESPONSES,
        "create": {201: SloSerializer},
        "partial_update": SloSerializer,
        "propose": {202: SloProposedSerializer},
        "activate": SloSerializer,
        "retire": SloSerializer,
        "add_exclusion": {201: ExclusionSerializer},
        "withdraw_exclusion": ExclusionSerializer,
        "formula": FormulaLineSerializer(many=True),
    }
    page_serializers = {"exclusions": ExclusionSerializer, "versions": SloVersionSerializer}

    def get_queryset(self) -> QuerySet[Slo]:
        return queries.list_slos(principal_of(self.request))

    @transaction.atomic
    def create(self, request: Request) -> Response:
        values = self.body()
        state = values.pop("state", SloState.ACTIVE)
        slug, reason = values.pop("slug"), values.pop("reason", "")
        definition = self._read({"slug": slug, **values})
        self._allow(definition.automation)
        slo = operations.create_slo(slug=slug, definition=definition, state=state, reason=reason, **self._who())
        return self.answer(self._fresh(slo), status=201)

    @transaction.atomic
    def partial_update(self, request: Request, slug: str) -> Response:
        slo, values = self.get_object(), self.body(partial=True)
        reason, state = values.pop("reason", ""), values.pop("state", slo.state)
        definition = self._read({**to_document(slo), **values})
        self._allow(slo.automation, definition.automation)
        slo = operations.change_slo(slo, definition=definition, reason=reason, **self._who())
        if state != slo.state:
            if state == SloState.DRAFT:
                raise Conflict("invalid_transition", "An SLO does not become a draft again.", field="state")
            move = operations.activate_slo if state == SloState.ACTIVE else operations.retire_slo
            slo = move(slo, reason=reason, **self._who())
        return self.answer(self._fresh(slo))

    @action(detail=True, methods=["post"])
    def activate(self, request: Request, slug: str) -> Response:
        """Put a draft in force."""
        slo = self._written()
        return self.answer(self._fresh(operations.activate_slo(slo, **self.body(), **self._who())))

    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        """Promise nothing any more; the history stays."""
        slo = self._written()
        return self.answer(self._fresh(operations.retire_slo(slo, **self.body(), **self._who())))

    @action(detail=False, methods=["post"])
    def propose(self, request: Request) -> Response:
        """Ask an ops lead or the owner for a new SLO, for another definition of one, or to retire one. People only."""
        values, person = self.body(), principal_of(request)
        if not isinstance(person, Person):
            raise Forbidden("needs_a_person", "Analysts propose SLOs, signed in.")
        slug, reason = values.pop("slug"), values.pop("reason", "")
        slo = self.get_queryset().filter(slug=slug).first()
        if not (queries.may_propose(person) or queries.may_write(person, *([slo.automation] if slo else []))):
            raise Forbidden("not_yours", "Analysts propose SLOs; ops leads and owners write them.")
        if values.pop("state", "") == SloState.RETIRED:
            return self._proposed(self._propose_retirement(slo, values, reason, person))
        definition = self._read({**(to_document(slo) if slo else {}), "slug": slug, **values})
        asked = proposals.propose_definition(
            slug=slug, definition=definition, slo=slo, requested_by=person, reason=reason, now=self.now
        )
        return self._proposed(asked)

    def _propose_retirement(self, slo: Slo | None, values: dict[str, Any], reason: str, person: Person) -> Approval:
        if slo is None:
            raise InvalidInput("unknown_slo", "There is no such SLO.", field="slug")
        if values:
            raise InvalidInput("invalid", "Retiring it changes nothing else: leave this out.", field=min(values))
        return retiring.propose_retirement(slo, requested_by=person, reason=reason, now=self.now)

    def _proposed(self, asked: Approval) -> Response:
        return Response({"approval": str(asked.pk), "url": f"/approvals/{asked.pk}/"}, status=202)

    @action(detail=True)
    def exclusions(self, request: Request, slug: str) -> Response:
        """Stretches that do not count: those of the SLO and those of its automation."""
        rows = Exclusion.objects.of(self.get_object()).select_related("slo", "automation", "author", "approved_by")
        return self.page(rows, ExclusionSerializer, ordering="-from_at")

    @exclusions.mapping.post
    def add_exclusion(self, request: Request, slug: str) -> Response:
        """Leave a stretch out. One that begins in the past waits for a second person."""
        slo, values = self._written(), self.body()
        of_all = values.pop("scope", "slo") == "automation" and slo.automation is not None
        about: dict[str, Any] = {"automation": slo.automation} if of_all else {"slo": slo}
        author = person_of(principal_of(request))
        exclusion = operations.exclude(**about, **values, author=author, **self._who())
        return self._shown(exclusion, status=201)

    @action(detail=True, methods=["post"], url_path=r"exclusions/(?P<exclusion_id>[0-9]{1,18})/withdraw")
    def withdraw_exclusion(self, request: Request, slug: str, exclusion_id: str) -> Response:
        """Count a stretch again, or take the request back."""
        slo, values = self._written(), self.body()
        exclusion = queries.get_exclusion(slo, int(exclusion_id))
        return self._shown(operations.withdraw_exclusion(exclusion, **values, **self._who()))

    @action(detail=True)
    def versions(self, request: Request, slug: str) -> Response:
        """What was promised from when on, newest first."""
        return self.page(self.get_object().versions.select_related("author"), SloVersionSerializer, ordering="-number")

    @action(detail=True)
    def formula(self, request: Request, slug: str) -> Response:
        """The arithmetic as of now: each line with its formula, its inputs and its result."""
        return Response(FormulaLineSerializer(arithmetic.formula(self.get_object(), self.now), many=True).data)

    def _read(self, document: dict[str, Any]) -> Definition:
        return from_document(document, principal=principal_of(self.request))

    def _written(self) -> Slo:
        slo: Slo = self.get_object()
        self._allow(slo.automation)
        return slo

    def _allow(self, *automations: Any) -> None:
        if not queries.may_write(principal_of(self.request), *automations):
            raise Forbidden("not_yours", "An ops lead or the automation's owner writes this. Propose it instead.")

    def _fresh(self, slo: Slo) -> Slo:
        return self.get_queryset().get(pk=slo.pk)

    def _shown(self, exclusion: Exclusion, *, status: int = 200) -> Response:
        shown = ExclusionSerializer(exclusion, context=self.get_serializer_context()).data
        return Response(shown, status=status)

    def _who(self) -> dict[str, Any]:
        return {"actor": actor_of(self.request), "now": self.now}


routes: list[routing.Route] = [("slos", SloViewSet, "slo")]
