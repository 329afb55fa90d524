"""/api/v1/handoff-rules/. A rule is written as a draft, watched in shadow, then activated; edits make versions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import operations, queries
from handoffs.api.fields import MINUTES, ReasonOnlySerializer, person_named, require_configuring, words
from handoffs.api.judgement import JudgedViewSet
from handoffs.engine.ladder import ACTIONS, MAX_PERCENT
from handoffs.models import Rule
from handoffs.operations import Terms
from handoffs.states import Reopen, RuleMode, StopClock
from handoffs.terms import MAX_GRACE_MINUTES, TERM_NAMES
from opsportal.api.serializers import Serializer
from opsportal.calendars.models import Calendar
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Team
from opsportal.identity.queries import get_team
from opsportal.identity.roles import CONFIGURE_HANDOFFS

PEOPLE = ("default_owner", "default_backup_owner", "fallback_person")


class MatcherSerializer(Serializer):
    """Which events of a case count."""

    event_name = drf.CharField(max_length=200)
    lifecycle = words()
    attributes = drf.DictField(required=False)


class SegmentSerializer(Serializer):
    channel = words()
    icp = words()
    sla_minutes = drf.IntegerField(**MINUTES)


class StageSerializer(Serializer):
    percent = drf.IntegerField(min_value=1, max_value=MAX_PERCENT)
    actions = drf.ListField(child=drf.ChoiceField(choices=list(ACTIONS)), allow_empty=False)


class RuleSerializer(Serializer):
    """A timer with a name and a consequence. People are user names, calendar and team slugs."""

    slug = drf.SlugField(max_length=60)
    name = drf.CharField(max_length=120)
    team = words(allow_null=True)
    trigger = words(max_length=240)
    target = words(max_length=240)
    timer = words(max_length=240)
    trace = words(max_length=240)
    consequence = words(max_length=240)
    start_on = MatcherSerializer(required=False, allow_null=True)
    respond_on = MatcherSerializer(required=False, allow_null=True)
    complete_on = MatcherSerializer(required=False, allow_null=True)
    stop_clock = drf.ChoiceField(choices=[str(one) for one in StopClock], required=False)
    calendar = drf.SlugField(max_length=60)
    sla_minutes = drf.IntegerField(**MINUTES)
    segments = SegmentSerializer(many=True, required=False)
    stages = StageSerializer(many=True, required=False)
    default_owner = words(max_length=150, allow_null=True)
    default_backup_owner = words(max_length=150, allow_null=True)
    fallback_person = words(max_length=150, allow_null=True)
    fallback_schedule = words()
    reopen = drf.ChoiceField(choices=[str(one) for one in Reopen], required=False)
    grace_minutes = drf.IntegerField(min_value=0, max_value=MAX_GRACE_MINUTES, required=False)
    grace_by_source = drf.DictField(child=drf.IntegerField(min_value=0, max_value=MAX_GRACE_MINUTES), required=False)
    mode = drf.ChoiceField(choices=[str(mode) for mode in RuleMode], required=False)
    version = drf.IntegerField(read_only=True)

    def to_representation(self, rule: Rule) -> dict[str, Any]:
        terms = operations.terms_of(rule)
        said = {name: getattr(terms, name) for name in TERM_NAMES if name != "note"}
        people = {name: said[name].username if said[name] else None for name in PEOPLE}
        return {
            "slug": rule.slug,
            "name": rule.name,
            "team": rule.team.slug if rule.team else None,
            "mode": rule.mode,
            "version": rule.terms.number,
            **said,
            **people,
            "calendar": terms.calendar.slug,
        }


class ChangeRuleSerializer(RuleSerializer):
    """An edit. `adopt` lets the handoffs that run take the new terms too; otherwise they keep theirs."""

    slug = drf.SlugField(max_length=60, read_only=True)
    adopt = drf.BooleanField(required=False)
    reason = words(max_length=240)


class ActivateSerializer(Serializer):
    acknowledge = drf.BooleanField(required=False)
    reason = words(max_length=240)


class RuleViewSet(JudgedViewSet):
    """Rules: five sentences, a timer, a calendar, a ladder of consequences."""

    queryset = Rule.objects.none()
    serializer_class = RuleSerializer
    read_scope, write_scope = "handoffs:read", "handoffs:write"
    action_scopes = dict.fromkeys(("activate", "shadow", "retire"), CONFIGURE_HANDOFFS)
    lookup_field = "slug"
    filter_fields = {"mode": "mode", "team": "team__slug"}
    ordering_fields = ("slug", "name")
    search_fields = ("slug", "name")
    default_ordering = "name"
    request_serializers = {
        "partial_update": ChangeRuleSerializer,
        "activate": ActivateSerializer,
        "shadow": ReasonOnlySerializer,
        "retire": ReasonOnlySerializer,
    }

    def get_queryset(self) -> QuerySet[Rule]:
        return queries.list_rules(principal_of(self.request))

    @transaction.atomic
    def create(self, request: Request) -> Response:
        values = self.body()
        mode = values.pop("mode", RuleMode.DRAFT)
        who: dict[str, Any] = {"actor": actor_of(request), "now": self.now}
        slug, name, team = values.pop("slug"), values.pop("name"), _team(values.pop("team", None))
        rule = operations.create_rule(slug=slug, name=name, team=team, terms=Terms(**_terms(values)), **who)
        return self.answer(self._move_to(rule, mode), status=201)

    @transaction.atomic
    def partial_update(self, request: Request, slug: str) -> Response:
        rule, values = self.get_object(), self.body(partial=True)
        if rule.mode != RuleMode.DRAFT:
            require_configuring(request)
        mode, adopt, reason = values.pop("mode", rule.mode), values.pop("adopt", False), values.pop("reason", "")
        who: dict[str, Any] = {"actor": actor_of(request), "now": self.now}
        named: dict[str, Any] = {"team": _team(values.pop("team"))} if "team" in values else {}
        named |= {"name": values.pop("name")} if "name" in values else {}
        terms = replace(operations.terms_of(rule), **_terms(values))
        rule = operations.change_rule(rule, **named, terms=terms, reason=reason, **who)
        if adopt:
            operations.adopt_rule_terms(rule, **who)
        return self.answer(self._move_to(rule, mode))

    @action(detail=True, methods=["post"])
    def activate(self, request: Request, slug: str) -> Response:
        return self.answer(operations.activate_rule(self.get_object(), **self._who(), **self.body()))

    @action(detail=True, methods=["post"])
    def shadow(self, request: Request, slug: str) -> Response:
        return self.answer(operations.shadow_rule(self.get_object(), **self._who(), **self.body()))

    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        return self.answer(operations.retire_rule(self.get_object(), **self._who(), **self.body()))

    def _who(self) -> dict[str, Any]:
        return {"actor": actor_of(self.request), "now": self.now}

    def _move_to(self, rule: Rule, mode: str) -> Rule:
        """`mode` in a body is the same move as the action of that name."""
        if mode == rule.mode:
            return rule
        require_configuring(self.request)
        if mode not in MODE_MOVES:
            raise InvalidInput("invalid_transition", "A rule does not become a draft again.", field="mode")
        return MODE_MOVES[mode](rule, **self._who())


MODE_MOVES: dict[str, Callable[..., Rule]] = {
    RuleMode.SHADOW: operations.shadow_rule,
    RuleMode.ACTIVE: operations.activate_rule,
    RuleMode.RETIRED: operations.retire_rule,
}


def _terms(values: dict[str, Any]) -> dict[str, Any]:
    """The terms a body names, with its user names and slugs looked up."""
    found: dict[str, Any] = {name: person_named(values[name], name) for name in PEOPLE if name in values}
    if "calendar" in values:
        calendar = Calendar.objects.filter(slug=values["calendar"]).first()
        if calendar is None:
            raise InvalidInput("unknown_calendar", f"There is no calendar “{values['calendar']}”.", field="calendar")
        found["calendar"] = calendar
    return {**values, **found}


def _team(slug: str | None) -> Team | None:
    if not slug:
        return None
    try:
        return get_team(slug)
    except NotFound as missing:
        raise InvalidInput(missing.code, missing.message, field="team") from None
