"""/api/v1/automations/: the catalogue, and the gate that a release asks."""

from typing import Any

from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet
from opsportal.catalog import operations, queries
from opsportal.catalog.models import Automation, Freeze, Platform, Tier
from opsportal.errors import Forbidden, InvalidInput, NotFound
from opsportal.identity import queries as identity
from opsportal.identity.actors import actor_of, principal_of
from opsportal.web import words

CHANGES = [str(change) for change in queries.Change]


class LinkSerializer(serializers.Serializer):
    label = drf.CharField(max_length=80)  # type: ignore[assignment]
    url = drf.URLField(max_length=500)


class AutomationSerializer(serializers.Serializer):
    """An automation. `team` is a slug, `owner` and `backup_owner` are user names."""

    slug = drf.CharField(max_length=60)
    name = drf.CharField(max_length=120)
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    tier = drf.ChoiceField(choices=Tier.values, required=False)
    platform = drf.ChoiceField(choices=Platform.values, required=False)
    owner = drf.CharField(max_length=150, allow_null=True, required=False)
    backup_owner = drf.CharField(max_length=150, allow_null=True, required=False)
    criticality_notes = drf.CharField(max_length=2000, allow_blank=True, required=False)
    links = LinkSerializer(many=True, required=False)
    state = drf.CharField(read_only=True)
    created_at = DateTimeField(read_only=True)
    updated_at = DateTimeField(read_only=True)

    def to_representation(self, automation: Automation) -> dict[str, Any]:
        return {
            **{name: getattr(automation, name) for name in ("slug", "name", "tier", "platform")},
            "team": automation.team.slug if automation.team else None,
            "owner": automation.owner.username if automation.owner else None,
            "backup_owner": automation.backup_owner.username if automation.backup_owner else None,
            **{name: getattr(automation, name) for name in ("criticality_notes", "links", "state")},
            "created_at": words.iso(automation.created_at),
            "updated_at": words.iso(automation.updated_at),
        }


class AutomationPatchSerializer(AutomationSerializer):
    """Any of the fields but the slug; `change` and `reason` go to the gate and the trail."""

    slug = drf.CharField(read_only=True)
    change = drf.ChoiceField(choices=CHANGES, required=False)
    reason = drf.CharField(max_length=500, allow_blank=True, required=False)


class ActivationSerializer(serializers.Serializer):
    change = drf.ChoiceField(choices=CHANGES, required=False)
    reason = drf.CharField(max_length=500, allow_blank=True, required=False)


class FreezeSerializer(serializers.Serializer):
    """A freeze in force: `team` and `automation` are slugs, set according to `scope`."""

    id = drf.IntegerField()
    scope = drf.ChoiceField(choices=Freeze.Scope.values)
    team = drf.CharField(allow_null=True)
    automation = drf.CharField(allow_null=True)
    kind = drf.ChoiceField(choices=Freeze.Kind.values)
    until = DateTimeField()
    reason = drf.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(source="from_at"), **super().get_fields()}

    def to_representation(self, freeze: Freeze) -> dict[str, Any]:
        return {
            "id": freeze.pk,
            "scope": freeze.scope,
            "team": freeze.team.slug if freeze.team else None,
            "automation": freeze.automation.slug if freeze.automation else None,
            "kind": freeze.kind,
            "from": words.iso(freeze.from_at),
            "until": words.iso(freeze.until),
            "reason": freeze.reason,
        }


class GateSerializer(serializers.Serializer):
    allowed = drf.BooleanField()
    reason = drf.CharField()
    freeze = FreezeSerializer(allow_null=True)


class AutomationViewSet(ResourceViewSet):
    """Automations: what runs, who answers for it, how much depends on it."""

    queryset = Automation.objects.all()
    serializer_class = AutomationSerializer
    read_scope, write_scope = "catalog:read", "catalog:write"
    # Owners may edit their own without the right to write the whole catalogue: `_edited` decides.
    person_scopes = {"partial_update": "catalog:read", "activate": "catalog:read"}
    lookup_field = "slug"
    filter_fields = {
        "team": "team__slug",
        "tier": "tier",
        "platform": "platform",
        "owner": "owner__username",
        "backup_owner": "backup_owner__username",
        "state": "state",
    }
    ordering_fields = ("slug", "name", "tier", "created_at", "updated_at")
    search_fields = ("slug", "name", "criticality_notes")
    default_ordering = "slug"
    query_fields = {"gate": {"change": drf.ChoiceField(choices=CHANGES, default="feature", required=False)}}
    request_serializers = {"partial_update": AutomationPatchSerializer, "activate": ActivationSerializer}
    response_serializers = {
        "create": {201: AutomationSerializer},
        "partial_update": AutomationSerializer,
        "activate": AutomationSerializer,
        "gate": GateSerializer,
    }

    def get_queryset(self) -> Any:
        rows = Automation.objects.select_related("team", "owner", "backup_owner")
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.visible_to(principal_of(self.request))

    def create(self, request: Request) -> Response:
        values = _with_references(self.body())
        self._check_team(values)
        automation = operations.create_automation(**values, actor=actor_of(request), now=self.now)
        return self.answer(automation, status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        values = _with_references(self.body(partial=True))
        options = {name: values.pop(name) for name in ("change", "reason") if name in values}
        self._check_team(values)
        automation = operations.change_automation(
            self._edited(), values=values, **options, actor=actor_of(request), now=self.now
        )
        return self.answer(automation)

    @action(detail=True, methods=["post"])
    def activate(self, request: Request, slug: str) -> Response:
        automation = operations.activate_automation(
            self._edited(), **self.body(), actor=actor_of(request), now=self.now
        )
        return self.answer(automation)

    @action(detail=True)
    def gate(self, request: Request, slug: str) -> Response:
        verdict = queries.gate(self.get_object(), change=self.query["change"], at=self.now)
        freeze = FreezeSerializer(verdict.freeze).data if verdict.freeze else None
        return Response({"allowed": verdict.allowed, "reason": verdict.reason, "freeze": freeze})

    def _edited(self) -> Automation:
        automation: Automation = self.get_object()
        if not queries.may_edit(automation, principal_of(self.request)):
            raise Forbidden("not_yours", "Its owner, its backup or an ops lead may do this.")
        return automation

    def _check_team(self, values: dict[str, Any]) -> None:
        """Nobody moves a record to where they could not see it."""
        visible = identity.visible_teams(principal_of(self.request))
        team = values.get("team")
        if team is not None and visible is not None and team.pk not in visible:
            raise InvalidInput("unknown_team", f"There is no team “{team.slug}”.", field="team")


def _with_references(values: dict[str, Any]) -> dict[str, Any]:
    """Slug and user names become the team and the people; what does not exist is refused at its field."""
    for name, find in (
        ("team", identity.get_team),
        ("owner", identity.get_person),
        ("backup_owner", identity.get_person),
    ):
        if values.get(name) is not None:
            try:
                values[name] = find(values[name])
            except NotFound as error:
                raise InvalidInput(error.code, error.message, field=name) from error
    if "links" in values:
        values["links"] = [dict(link) for link in values["links"]]
    return values


routes = [("automations", AutomationViewSet, "automation")]
