"""/api/v1/policies/: rules as data, their versions, what they would have decided, where they conflict."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import BaseViewSet, ResourceViewSet, page_fields
from opsportal.catalog import queries as catalog
from opsportal.catalog.models import Freeze
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity import queries as identity
from opsportal.identity.actors import actor_of, principal_of
from opsportal.web import words
from slos.models import Policy, PolicyVersion
from slos.policy import operations, queries
from slos.policy.operations import Terms
from slos.policy.queries import shown
from slos.policy.rules import Verdict
from slos.policy.scope import check_may_cover

STATES = ("draft", "active", "retired")
# What a rule says of a day; that a freeze has ended is no rule's verdict.
VERDICTS = [str(verdict) for verdict in Verdict if verdict is not Verdict.FREEZE_ENDED]


class PolicySerializer(Serializer):
    """A budget policy. `rules` are data: {slug, when: burn_days | pooled_burn | healthy_weeks | downtime_budget, …,
    then: freeze | review | experiment}; figures are decimals written as strings.
    """

    slug = drf.SlugField(max_length=60)
    name = drf.CharField(max_length=120)
    description = drf.CharField(max_length=2000, allow_blank=True, required=False)
    scope = drf.ChoiceField(choices=Freeze.Scope.values, required=False)
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    automation = drf.CharField(max_length=60, allow_null=True, required=False)
    rules = drf.ListField(child=drf.DictField(), min_length=1, max_length=20)
    state = drf.ChoiceField(choices=STATES, required=False)
    version = drf.IntegerField(read_only=True)

    def to_representation(self, policy: Policy) -> dict[str, Any]:
        return {"slug": policy.slug, "state": policy.state, "version": policy.version, **shown(policy)}


class ChangePolicySerializer(PolicySerializer):
    slug = drf.SlugField(max_length=60, read_only=True)
    reason = drf.CharField(max_length=240, allow_blank=True, required=False)


class ReasonSerializer(Serializer):
    reason = drf.CharField(max_length=240, allow_blank=True, required=False)


class PolicyVersionSerializer(Serializer):
    """A policy as it stood from `from` on."""

    number = drf.IntegerField()
    definition = drf.DictField()
    author = drf.CharField(allow_null=True)
    reason = drf.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(), **super().get_fields()}

    def to_representation(self, version: PolicyVersion) -> dict[str, Any]:
        return {
            "number": version.number,
            "definition": version.definition,
            "author": version.author.username if version.author else None,
            "reason": version.reason,
            "from": words.iso(version.from_at),
        }


class WouldBeSerializer(Serializer):
    """What a rule would have said at the end of a day. `held`: without data, what stood before stood on."""

    at = DateTimeField()
    day = drf.DateField()
    automation = drf.CharField()
    slo = drf.CharField()
    rule = drf.CharField()
    verdict = drf.ChoiceField(choices=VERDICTS)
    held = drf.BooleanField()
    sentence = drf.CharField()
    evidence = drf.DictField()


class DryRunSerializer(Serializer):
    policy = drf.CharField()
    results = WouldBeSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(), "to": DateTimeField(), **super().get_fields()}


class PolicyViewSet(ResourceViewSet):
    """Budget policies: what follows from how fast error budgets are spent."""

    queryset = Policy.objects.none()
    serializer_class = PolicySerializer
    read_scope, write_scope = "slos:read", "slos:write"
    lookup_field = "slug"
    filter_fields = {"state": "state", "scope": "scope", "team": "team__slug", "automation": "automation__slug"}
    ordering_fields = ("slug", "name")
    search_fields = ("slug", "name")
    default_ordering = "slug"
    query_fields = {
        "versions": page_fields(),
        "dry_run": {
            "from": DateTimeField(help_text="Days that ended from here on."),
            "to": DateTimeField(required=False, help_text="Until here; default: now."),
            "verdict": drf.ChoiceField(choices=VERDICTS, required=False),
            "automation": drf.CharField(required=False, max_length=60),
        },
    }
    request_serializers = {
        "partial_update": ChangePolicySerializer,
        "activate": ReasonSerializer,
        "retire": ReasonSerializer,
    }
    response_serializers = {
        "create": {201: PolicySerializer},
        "partial_update": PolicySerializer,
        "activate": PolicySerializer,
        "retire": PolicySerializer,
        "dry_run": DryRunSerializer,
    }
    page_serializers = {"versions": PolicyVersionSerializer}

    def get_queryset(self) -> QuerySet[Policy]:
        return queries.list_policies(principal_of(self.request))

    def create(self, request: Request) -> Response:
        values = self.body()
        slug, state = values.pop("slug"), values.pop("state", "draft")
        policy = operations.create_policy(slug=slug, terms=self._terms(values), state=state, **self._who())
        return self.answer(policy, status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        policy, values = self._written(), self.body(partial=True)
        if "state" in values:
            raise InvalidInput("use_action", "Activate and retire are actions of their own.", field="state")
        reason = values.pop("reason", "")
        terms = self._terms({**shown(policy), **values})
        return self.answer(operations.change_policy(policy, terms=terms, reason=reason, **self._who()))

    @action(detail=True, methods=["post"])
    def activate(self, request: Request, slug: str) -> Response:
        return self.answer(operations.activate_policy(self._written(), **self.body(), **self._who()))

    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        return self.answer(operations.retire_policy(self._written(), **self.body(), **self._who()))

    @action(detail=True)
    def versions(self, request: Request, slug: str) -> Response:
        rows = PolicyVersion.objects.filter(policy=self.get_object()).select_related("author")
        return self.page(rows, PolicyVersionSerializer, ordering="-number")

    @action(detail=True, url_path="dry-run", url_name="dry-run")
    def dry_run(self, request: Request, slug: str) -> Response:
        policy, asked = self.get_object(), self.query
        until = asked.get("to", self.now)
        found = queries.dry_run(
            policy, from_at=asked["from"], until=until, at=self.now, principal=principal_of(self.request)
        )
        rows = [would_be_data(one) for one in found]
        for name in ("verdict", "automation"):
            rows = [row for row in rows if name not in asked or row[name] == asked[name]]
        span = {"from": words.iso(asked["from"]), "to": words.iso(until)}
        return Response({"policy": policy.slug, **span, "results": rows})

    def _who(self) -> dict[str, Any]:
        return {"actor": actor_of(self.request), "now": self.now}

    def _written(self) -> Policy:
        """One that this principal may write: over everything only whoever sees every team."""
        policy: Policy = self.get_object()
        check_may_cover(principal_of(self.request), policy.scope, policy.team)
        return policy

    def _terms(self, values: dict[str, Any]) -> Terms:
        team, automation = values.get("team"), values.get("automation")
        principal = principal_of(self.request)
        scope = values.get("scope", "all")
        found = Terms(
            name=values["name"],
            rules=values["rules"],
            description=values.get("description", ""),
            scope=scope,
            team=_named(identity.get_team, team, "team") if team else None,
            automation=_named(lambda slug: catalog.get_automation(slug, principal=principal), automation, "automation")
            if automation
            else None,
        )
        check_may_cover(principal, scope, found.team)
        return found


def _named(find: Any, key: str, field: str) -> Any:
    try:
        return find(key)
    except NotFound as missing:
        raise InvalidInput(missing.code, missing.message, field=field) from None


def would_be_data(one: queries.WouldBe) -> dict[str, Any]:
    judged = one.judged
    return {
        "at": words.iso(one.at),
        "day": judged.day.isoformat(),
        "automation": one.slo.automation.slug if one.slo.automation else None,
        "slo": one.slo.slug,
        "rule": judged.rule.slug,
        "verdict": str(judged.verdict),
        "held": judged.outcome.held,
        "sentence": judged.sentence,
        "evidence": judged.outcome.evidence,
    }


class ConflictSerializer(Serializer):
    """Rules that contradict each other or can never act, in a sentence."""

    kind = drf.CharField()
    sentence = drf.CharField()
    policies = drf.ListField(child=drf.CharField())


class ConflictListSerializer(Serializer):
    results = ConflictSerializer(many=True)


class ConflictViewSet(BaseViewSet):
    """Conflicts between the policies in force."""

    serializer_class = ConflictListSerializer
    read_scope = "slos:read"
    response_serializers = {"list": ConflictListSerializer}

    def list(self, request: Request) -> Response:
        found = queries.list_conflicts(principal_of(self.request), self.now)
        rows = [{"kind": one.kind, "sentence": one.sentence, "policies": one.policies} for one in found]
        return Response({"results": rows})
