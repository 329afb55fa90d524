"""/api/v1/runbooks/proposals/: what facts proposed. A person starts or declines it, never a token."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.errors import Forbidden
from opsportal.identity.actors import actor_of, principal_of, require_person
from opsportal.identity.models import Person
from runbooks.library import queries as library
from runbooks.models import Proposal
from runbooks.remediation import operations, outcomes, queries


class ProposalSerializer(ModelSerializer):
    """`fact` is the kind of the fact, `about` what it is about; `execution` what a yes began."""

    runbook = drf.SlugRelatedField[Any](slug_field="slug", read_only=True)
    fact = drf.CharField(source="fact_kind", read_only=True)
    execution = drf.UUIDField(source="execution_id", read_only=True, allow_null=True)
    decided_by = drf.CharField(source="decided_label", read_only=True)

    class Meta:
        model = Proposal
        fields = [
            "id", "runbook", "fact", "sentence", "about_type", "about_id", "state", "occurred_at", "proposed_at",
            "expires_at", "decided_by", "decided_at", "reason", "execution", "trace_id",
        ]  # fmt: skip
        read_only_fields = fields


class OutcomeSerializer(Serializer):
    """`over_before`: over before anybody said yes. `resolved`: over within an hour of the yes, `by_buttons` of these
    without a step by hand; `went_on`: not. `ratio` is resolved / (resolved + went_on), `seconds` the median from when
    it happened until it was over.
    """

    runbook = drf.SerializerMethodField()
    proposed = drf.IntegerField()
    started = drf.IntegerField()
    declined = drf.IntegerField()
    nobody = drf.IntegerField()
    over_before = drf.IntegerField()
    resolved = drf.IntegerField()
    went_on = drf.IntegerField()
    by_buttons = drf.IntegerField()
    ratio = drf.DecimalField(max_digits=5, decimal_places=4, allow_null=True)
    seconds = drf.FloatField(allow_null=True)

    def get_runbook(self, found: outcomes.Outcomes) -> str | None:
        """Null: all of them together."""
        return found.runbook.slug if found.runbook else None


class OutcomesSerializer(Serializer):
    """Of the proposals made in [from, to)."""

    within_seconds = drf.IntegerField()
    total = OutcomeSerializer()
    results = OutcomeSerializer(many=True)


class StartProposalSerializer(Serializer):
    """`confirmed` where steps are carried out at once that are more than safe."""

    reason = drf.CharField(max_length=500)
    confirmed = drf.BooleanField(required=False)


class DeclineProposalSerializer(Serializer):
    reason = drf.CharField(max_length=500)


class ProposalViewSet(ResourceViewSet):
    """Runbooks that facts proposed. Nothing of them happens before a person starts them."""

    queryset = Proposal.objects.none()
    serializer_class = ProposalSerializer
    read_scope, write_scope = library.READ, library.WRITE
    # Owners decide about the runbooks of their own automations: `_present` asks.
    person_scopes = dict.fromkeys(("start", "decline"), library.READ)
    lookup_value_regex = "[0-9a-f-]{36}"
    filter_fields = {"state": "state", "fact": "fact_kind", "about_id": "about_id"}
    ordering_fields = ("proposed_at",)
    default_ordering = "-proposed_at"
    query_fields = {"outcomes": {"from": DateTimeField(required=False), "to": DateTimeField(required=False)}}
    response_serializers = {"outcomes": OutcomesSerializer}
    request_serializers = {"start": StartProposalSerializer, "decline": DeclineProposalSerializer}

    def get_queryset(self) -> QuerySet[Proposal]:
        return queries.list_proposals(principal_of(self.request))

    @action(detail=False)
    def outcomes(self, request: Request) -> Response:
        """Which share of what was started was over within an hour: all together, and by runbook; by default of the
        last 90 days.
        """
        until = self.query.get("to", self.now)
        since = self.query.get("from", until - timedelta(days=outcomes.DAYS))
        total, each = outcomes.outcomes_of(principal_of(request), since=since, until=until, now=self.now)
        found = {"within_seconds": int(outcomes.WITHIN.total_seconds()), "total": total, "results": each[:500]}
        return Response(OutcomesSerializer(found).data)

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to go through it, and carry out what is to be done at once."""
        proposal, person = self._present()
        operations.start_proposal(proposal, person=person, actor=actor_of(request), now=self.now, **self.body())
        return self.answer(self.get_object())

    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        """Leave it, with a reason."""
        proposal, person = self._present()
        operations.decline_proposal(proposal, person=person, actor=actor_of(request), now=self.now, **self.body())
        return self.answer(self.get_object())

    def _present(self) -> tuple[Proposal, Person]:
        proposal, person = self.get_object(), require_person(self.request)
        if not library.may_write(person, proposal.runbook):
            raise Forbidden("not_yours", "Analysts, ops leads and the automation's owner start it.")
        return proposal, person


routes: list[routing.Route] = [("runbooks/proposals", ProposalViewSet, "runbook-proposal")]
