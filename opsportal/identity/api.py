"""/api/v1/people/ and teams/. Tokens are not made over the API: a token that can make tokens never ends."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.errors import Forbidden, InvalidInput, NotFound
from opsportal.identity import operations, queries
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Absence, Person, Team
from opsportal.identity.roles import Role


class TeamSerializer(serializers.ModelSerializer):
    class Meta:
        model = Team
        fields = ["slug", "name"]


class PersonChange(serializers.Serializer):
    """What may be changed about a person: all but the user name, which other systems know them by."""

    name = drf.CharField(max_length=120)
    email = drf.EmailField(max_length=254, allow_blank=True, required=False)
    timezone = drf.CharField(
        max_length=60, required=False, help_text="A zone of the tz database, such as Europe/Berlin."
    )
    slack_id = drf.CharField(max_length=40, allow_blank=True, required=False)
    manager = drf.CharField(max_length=150, allow_null=True, required=False)
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    roles = drf.ListField(child=drf.ChoiceField(choices=[str(role) for role in Role]), required=False)
    active = drf.BooleanField(required=False)


class PersonSerializer(PersonChange):
    """A person. `manager` and `team` are a user name and a slug; `roles` are viewer, analyst, ops_lead, admin."""

    username = drf.CharField(max_length=150)

    def to_representation(self, person: Person) -> dict[str, Any]:
        return {
            "username": person.username,
            "name": person.name,
            "email": person.email,
            "timezone": person.timezone,
            "slack_id": person.slack_id,
            "manager": person.manager.username if person.manager else None,
            "team": person.team.slug if person.team else None,
            "roles": person.roles,
            "active": person.is_active,
        }


class AbsenceSerializer(serializers.Serializer):
    """`[from, until)`. Why somebody is away is told to themselves, their manager and whoever looks after people."""

    id = drf.IntegerField(read_only=True)
    until = DateTimeField()
    reason = drf.CharField(max_length=200, allow_blank=True, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(source="from_at"), **super().get_fields()}

    def to_representation(self, absence: Absence) -> dict[str, Any]:
        shown = super().to_representation(absence)
        if not queries.may_look_after(principal_of(self.context["request"]), absence.person):
            shown["reason"] = ""
        return shown


class TeamViewSet(ResourceViewSet):
    """Teams. Records belong to one, and people see the records of theirs."""

    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    read_scope, write_scope = "people:read", "people:write"
    lookup_field = "slug"
    ordering_fields = ("slug", "name")
    search_fields = ("slug", "name")
    default_ordering = "name"

    def create(self, request: Request) -> Response:
        team = operations.create_team(**self.body(), actor=actor_of(request), now=self.now)
        return self.answer(team, status=201)


class PersonViewSet(ResourceViewSet):
    """People: how they are reached, who they report to, what they may do."""

    queryset = Person.objects.select_related("manager", "team").prefetch_related("groups")
    serializer_class = PersonSerializer
    read_scope, write_scope = "people:read", "people:write"
    # Who may write an absence depends on the person it is for: `_looked_after` decides.
    action_scopes = dict.fromkeys(("add_absence", "end_absence"), "oncall:write")
    person_scopes = dict.fromkeys(("add_absence", "end_absence"))
    lookup_field = "username"
    filter_fields = {
        "username": "username",
        "email": "email",
        "team": "team__slug",
        "manager": "manager__username",
        "active": "is_active",
    }
    ordering_fields = ("username", "name")
    search_fields = ("username", "name", "email")
    default_ordering = "name"
    query_fields = {"absences": page_fields()}
    request_serializers = {"add_absence": AbsenceSerializer, "partial_update": PersonChange}
    response_serializers = {"add_absence": {201: AbsenceSerializer}, "end_absence": None}
    page_serializers = {"absences": AbsenceSerializer}

    def create(self, request: Request) -> Response:
        values = _with_references(self.body())
        person = operations.create_person(**values, actor=actor_of(request), now=self.now)
        return self.answer(person, status=201)

    def partial_update(self, request: Request, username: str) -> Response:
        values = _with_references(self.body(partial=True))
        person = operations.revise_person(self.get_object(), **values, actor=actor_of(request), now=self.now)
        return self.answer(person)

    @action(detail=True)
    def absences(self, request: Request, username: str) -> Response:
        rows = Absence.objects.filter(person=self.get_object()).select_related("person")
        return self.page(rows, AbsenceSerializer, ordering="from_at")

    @absences.mapping.post
    def add_absence(self, request: Request, username: str) -> Response:
        person = self._looked_after()
        absence = operations.add_absence(person, **self.body(), actor=actor_of(request), now=self.now)
        return Response(AbsenceSerializer(absence, context=self.get_serializer_context()).data, status=201)

    @action(detail=True, methods=["delete"], url_path=r"absences/(?P<absence_id>[0-9]{1,18})")
    def end_absence(self, request: Request, username: str, absence_id: str) -> Response:
        person = self._looked_after()
        absence = get_object_or_404(person.absences, pk=int(absence_id))
        operations.end_absence(absence, actor=actor_of(request), now=self.now)
        return Response(status=204)

    def _looked_after(self) -> Person:
        person: Person = self.get_object()
        if not queries.may_look_after(principal_of(self.request), person):
            raise Forbidden("not_yours", "Only they, their manager or an ops lead may note when somebody is away.")
        return person


def _with_references(values: dict[str, Any]) -> dict[str, Any]:
    """User name and slug become the person and the team; what does not exist is refused at its field."""
    for name, find in (("manager", queries.get_person), ("team", queries.get_team)):
        if values.get(name) is not None:
            try:
                values[name] = find(values[name])
            except NotFound as missing:
                raise InvalidInput(missing.code, missing.message, field=name) from None
    return values


routes = [("people", PersonViewSet, "person"), ("teams", TeamViewSet, "team")]
