"""/api/v1/calendars/: calendars, their versions, and the arithmetic of business time as addresses."""

from typing import Any

from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api.errors import Malformed
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.calendars import operations, queries
from opsportal.calendars.engine import BusinessTime, zones
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.calendars.serializers import (
    AdoptedSerializer,
    BetweenSerializer,
    CalendarSerializer,
    DueSerializer,
    ExplanationSerializer,
    RevisionSerializer,
    VersionSerializer,
    represent,
    represent_explanation,
)
from opsportal.errors import Forbidden, InvalidInput, NotFound
from opsportal.identity import queries as identity
from opsportal.identity.actors import actor_of, principal_of

MAX_MINUTES = 300 * 366 * 24 * 60
VERSION = {"version": drf.IntegerField(min_value=1, max_value=2**31 - 1, required=False)}
AMOUNT = {
    "minutes": drf.IntegerField(
        min_value=-MAX_MINUTES, max_value=MAX_MINUTES, required=False, help_text="Of open time; or `seconds`."
    ),
    "seconds": drf.IntegerField(min_value=-MAX_MINUTES * 60, max_value=MAX_MINUTES * 60, required=False),
}


class CalendarViewSet(ResourceViewSet):
    """Business calendars: weekly local hours, dates with their own hours, closures. Each change makes a version."""

    queryset = Calendar.objects.select_related("team")
    serializer_class = CalendarSerializer
    read_scope, write_scope = "handoffs:read", "handoffs:configure"
    lookup_field = "slug"
    filter_fields = {"team": "team__slug"}
    ordering_fields = ("slug", "name")
    search_fields = ("slug", "name")
    default_ordering = "slug"
    query_fields = {
        "add": {"start": DateTimeField(), **AMOUNT, **VERSION},
        "between": {"start": DateTimeField(), "end": DateTimeField(), **VERSION},
        "explain": {"start": DateTimeField(), "end": DateTimeField(required=False), **AMOUNT, **VERSION},
        "versions": page_fields(),
    }
    request_serializers = {"update": RevisionSerializer, "partial_update": RevisionSerializer, "adopt": None}
    response_serializers = {
        "create": {201: CalendarSerializer},
        "update": CalendarSerializer,
        "partial_update": CalendarSerializer,
        "destroy": None,
        "adopt": AdoptedSerializer,
        "add": DueSerializer,
        "between": BetweenSerializer,
        "explain": ExplanationSerializer,
    }
    page_serializers = {"versions": VersionSerializer}

    def get_queryset(self) -> Any:
        rows = Calendar.objects.select_related("team").with_content()
        return rows if getattr(self, "swagger_fake_view", False) else rows.visible_to(principal_of(self.request))

    def create(self, request: Request) -> Response:
        values = self._with_team(self.body())
        values.pop("version", None)
        self._must_configure(values.get("team"))
        calendar = operations.create_calendar(**values, actor=actor_of(request), now=self.now)
        return Response(represent(calendar, queries.get_version(calendar)), status=201)

    def update(self, request: Request, slug: str) -> Response:
        """The whole content: overrides and closures that are not sent are none. Name and team stay unless sent."""
        return self._revise({"overrides": {}, "override_names": {}, "closures": [], **self.body()})

    def partial_update(self, request: Request, slug: str) -> Response:
        return self._revise(self.body(partial=True))

    def destroy(self, request: Request, slug: str) -> Response:
        """Only a calendar that nothing uses: 409 otherwise."""
        operations.delete_calendar(self._configurable(), actor=actor_of(request), now=self.now)
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def adopt(self, request: Request, slug: str) -> Response:
        """Let open records count by the current version."""
        version = queries.get_version(self._configurable())
        records = operations.adopt_version(version, actor=actor_of(request), now=self.now)
        return Response({"version": version.number, "records": records})

    @action(detail=True)
    def versions(self, request: Request, slug: str) -> Response:
        return self.page(self.get_object().versions.all(), VersionSerializer, ordering="-number")

    @action(detail=True)
    def add(self, request: Request, slug: str) -> Response:
        """When so much open time has passed since `start`; before it for a negative amount."""
        version, hours = self._hours()
        due_at = hours.add(self.query["start"], self._seconds())
        return Response({"due_at": DateTimeField().to_representation(due_at), "version": version.number})

    @action(detail=True)
    def between(self, request: Request, slug: str) -> Response:
        """The open time from `start` to `end`, exact to the second."""
        version, hours = self._hours()
        seconds = hours.between(self.query["start"], self.query["end"])
        minutes = seconds // 60 if seconds % 60 == 0 else seconds / 60
        return Response({"business_seconds": seconds, "business_minutes": minutes, "version": version.number})

    @action(detail=True)
    def explain(self, request: Request, slug: str) -> Response:
        """Why a deadline falls where it falls: from `start`, an amount of open time or until `end`."""
        version, hours = self._hours()
        start, end = self.query["start"], self.query.get("end")
        if end is not None and {"minutes", "seconds"} & self.query.keys():
            raise Malformed("too_many_parameters", "Send an amount or an end, not both.", field="end")
        end = hours.add(start, self._seconds()) if end is None else end
        return Response(represent_explanation(hours.explain(start, end), version.number, zones.database_version()))

    def _hours(self) -> tuple[CalendarVersion, BusinessTime]:
        version = queries.get_version(self.get_object(), self.query.get("version"))
        return version, queries.business_time(version.pk)

    def _seconds(self) -> int:
        given = [self.query[name] * unit for name, unit in (("minutes", 60), ("seconds", 1)) if name in self.query]
        if len(given) != 1:
            raise Malformed("required", "Send either minutes or seconds.", field="minutes")
        amount: int = given[0]
        return amount

    def _revise(self, values: dict[str, Any]) -> Response:
        calendar, values = self._configurable(), self._with_team(values)
        if values.pop("slug", calendar.slug) != calendar.slug:
            raise InvalidInput("slug_stays", "A calendar keeps its slug: rules name it.", field="slug")
        if "team" in values:
            self._must_configure(values["team"])
        based_on = values.pop("version", None)
        version = operations.revise_calendar(
            calendar, **values, based_on=based_on, actor=actor_of(self.request), now=self.now
        )
        return Response(represent(calendar, version))

    def _with_team(self, values: dict[str, Any]) -> dict[str, Any]:
        """The slug of a team becomes the team; one that cannot be seen does not exist."""
        if values.get("team") is None:
            return values
        visible = identity.visible_teams(principal_of(self.request))
        try:
            team = identity.get_team(values["team"])
        except NotFound as error:
            raise InvalidInput(error.code, error.message, field="team") from error
        if visible is not None and team.pk not in visible:
            raise InvalidInput("unknown_team", f"There is no team “{team.slug}”.", field="team")
        return {**values, "team": team}

    def _configurable(self) -> Calendar:
        calendar: Calendar = self.get_object()
        self._must_configure(calendar.team)
        return calendar

    def _must_configure(self, team: Any) -> None:
        if not queries.may_configure(principal_of(self.request), team.pk if team else None):
            raise Forbidden("shared_calendar", "Only who sees every team may change a calendar that is everybody's.")


routes = [("calendars", CalendarViewSet, "calendar")]
