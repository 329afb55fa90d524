"""/api/v1/automations/: one domain call in each method. Bodies and answers: fields and parts."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.catalog import operations, queries, readiness, tiers
from opsportal.catalog.api import fields, parts
from opsportal.catalog.models import Automation, Credential, Release, Switch
from opsportal.errors import Forbidden, InvalidInput
from opsportal.identity import queries as identity
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person

SWITCH = "switches/(?P<switch>[a-z0-9][a-z0-9-]{0,59})"
ROW = r"(?P<row>[0-9]{1,18})"
# What a person may do by what they own or whether they are on shift: the action checks that.
BY_PERSON = [
    "partial_update",
    "activate",
    "pause",
    "resume",
    "retire",
    "propose_tier",
    "degrade",
    "restore",
    "switch_fallback",
    "add_switch",
    "flip",
    "remove_switch",
    "add_release",
    "cancel_release",
    "add_credential",
    "change_credential",
    "retire_credential",
    "tick",
]


class AutomationViewSet(ResourceViewSet):
    """Automations: what runs, who answers for it, how much depends on it."""

    queryset = Automation.objects.all()
    serializer_class = fields.AutomationSerializer
    read_scope, write_scope = "catalog:read", "catalog:write"
    person_scopes = dict.fromkeys(BY_PERSON, "catalog:read")
    lookup_field = "slug"
    filter_fields = {
        "team": "team__slug",
        "tier": "tier",
        "platform": "platform",
        "owner": "owner__username",
        "backup_owner": "backup_owner__username",
        "accountable": "accountable__username",
        "trigger": "trigger",
        "maturity": "maturity",
        "state": "state",
    }
    ordering_fields = ("slug", "name", "tier", "created_at", "updated_at")
    search_fields = ("slug", "name", "criticality_notes")
    default_ordering = "slug"
    query_fields = {
        "gate": {
            "change": drf.ChoiceField(choices=fields.CHANGES, default="feature", required=False),
            "at": DateTimeField(required=False, help_text="As of then, as freezes stand now; default: now."),
        },
        **dict.fromkeys(("switches", "releases", "credentials"), page_fields()),
    }
    request_serializers = {
        "partial_update": fields.AutomationPatchSerializer,
        "activate": fields.ActivationSerializer,
        "pause": parts.PauseSerializer,
        "resume": parts.ReasonSerializer,
        "retire": parts.ReasonSerializer,
        "propose_tier": parts.TierProposalSerializer,
        "degrade": parts.DegradeSerializer,
        "switch_fallback": parts.FallbackSerializer,
        "add_switch": parts.SwitchSerializer,
        "flip": parts.FlipSerializer,
        "add_release": parts.ReleaseSerializer,
        "add_credential": parts.CredentialSerializer,
        "change_credential": parts.CredentialSerializer,
        "tick": parts.TickSerializer,
    }
    response_serializers = {
        "create": {201: fields.AutomationSerializer},
        **dict.fromkeys(
            ("partial_update", "activate", "pause", "resume", "retire", "degrade", "restore", "switch_fallback"),
            fields.AutomationSerializer,
        ),
        "gate": fields.GateSerializer,
        "readiness": fields.ReadinessSerializer,
        "propose_tier": {201: parts.ProposedSerializer},
        "add_switch": {201: parts.SwitchSerializer},
        "flip": parts.SwitchSerializer,
        "add_release": {201: parts.ReleaseSerializer},
        "cancel_release": parts.ReleaseSerializer,
        "add_credential": {201: parts.CredentialSerializer},
        "change_credential": parts.CredentialSerializer,
        **dict.fromkeys(("remove_switch", "retire_credential")),
        **dict.fromkeys(("checklists", "tick"), parts.ChecklistsSerializer),
    }
    page_serializers = {
        "switches": parts.SwitchSerializer,
        "releases": parts.ReleaseSerializer,
        "credentials": parts.CredentialSerializer,
    }

    def get_queryset(self) -> Any:
        rows = Automation.objects.select_related(*queries.NAMES, "workflow")
        rows = rows.prefetch_related("responsibilities__person", "workflow__versions")
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.visible_to(principal_of(self.request))

    def create(self, request: Request) -> Response:
        values = fields.with_references(self.body())
        self._check_team(values)
        automation = operations.create_automation(**values, actor=actor_of(request), now=self.now)
        return self._fresh(automation, status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        values = fields.with_references(self.body(partial=True))
        options = {name: values.pop(name) for name in ("change", "reason") if name in values}
        self._check_team(values)
        automation = operations.change_automation(
            self._edited(), values=values, **options, actor=actor_of(request), now=self.now
        )
        return self._fresh(automation)

    # --- In service ---

    @action(detail=True)
    def gate(self, request: Request, slug: str) -> Response:
        verdict = queries.gate(self.get_object(), change=self.query["change"], at=self.query.get("at", self.now))
        freeze = fields.FreezeSerializer(verdict.freeze).data if verdict.freeze else None
        return Response({"allowed": verdict.allowed, "reason": verdict.reason, "freeze": freeze})

    @action(detail=True)
    def readiness(self, request: Request, slug: str) -> Response:
        """What it lacks before people can rely on it. P0 and P1 must have everything, P2 little."""
        automation = self.get_object()
        found = readiness.readiness_of(automation, self.now)
        items = [
            {"key": each.key, "ok": each.ok, "asked": each.asked, "sentence": each.sentence} for each in found.items
        ]
        return Response(
            {
                "slug": automation.slug,
                "tier": automation.tier,
                "ready": found.is_ready,
                "have": found.have,
                "of": found.of,
                "sentence": found.sentence,
                "missing": [each.key for each in found.missing],
                "items": items,
            }
        )

    @action(detail=True, methods=["post"])
    def activate(self, request: Request, slug: str) -> Response:
        """Put a draft or paused automation into service. The gate must let the change pass."""
        automation = operations.activate_automation(
            self._edited(), **self.body(), actor=actor_of(request), now=self.now
        )
        return self._fresh(automation)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, slug: str) -> Response:
        """Say that it is paused, and why. Nothing is stopped elsewhere: `how_to_pause` tells how."""
        return self._operate(operations.pause_automation)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, slug: str) -> Response:
        """Back into service as it was."""
        return self._operate(operations.resume_automation)

    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        """Out of service for good."""
        automation = operations.retire_automation(self._edited(), **self.body(), actor=actor_of(request), now=self.now)
        return self._fresh(automation)

    @action(detail=True, methods=["post"], url_path="tier")
    def propose_tier(self, request: Request, slug: str) -> Response:
        """Propose a tier to the other side, which decides on the page of the approval. People only."""
        automation, person, body = self.get_object(), principal_of(request), self.body()
        if not isinstance(person, Person):
            raise Forbidden("needs_a_person", "People agree on a tier: sign in to propose one.")
        approval = tiers.propose_tier(automation, **body, requested_by=person, now=self.now)
        shown = {"approval": approval.pk, "state": approval.state_at(self.now), "expires_at": approval.expires_at}
        return Response(parts.ProposedSerializer(shown).data, status=201)

    @action(detail=True, methods=["post"], url_path="degraded")
    def degrade(self, request: Request, slug: str) -> Response:
        """Tell sales in one sentence how it works worse than it should, and until when at the latest."""
        return self._operate(operations.set_degraded)

    @degrade.mapping.delete
    def restore(self, request: Request, slug: str) -> Response:
        """It works as it should again."""
        automation = operations.clear_degraded(self._operated(), actor=actor_of(request), now=self.now)
        return self._fresh(automation)

    @action(detail=True, methods=["post"], url_path="fallback")
    def switch_fallback(self, request: Request, slug: str) -> Response:
        """Say that it runs on its fallback, or no longer does."""
        return self._operate(operations.switch_fallback)

    # --- Switches ---

    @action(detail=True)
    def switches(self, request: Request, slug: str) -> Response:
        return self.page(self.get_object().switches.all(), parts.SwitchSerializer, ordering="slug")

    @switches.mapping.post
    def add_switch(self, request: Request, slug: str) -> Response:
        switch = operations.add_switch(self._edited(), **self.body(), actor=actor_of(request), now=self.now)
        return Response(parts.SwitchSerializer(switch).data, status=201)

    @action(detail=True, methods=["post"], url_path=f"{SWITCH}/flip")
    def flip(self, request: Request, slug: str, switch: str) -> Response:
        """Turn a switch on or off. On passes the gate where it is new behaviour."""
        found = self._switch(self._operated(), switch)
        flipped = operations.flip_switch(found, **self.body(), actor=actor_of(request), now=self.now)
        return Response(parts.SwitchSerializer(flipped).data)

    @action(detail=True, methods=["delete"], url_path=SWITCH)
    def remove_switch(self, request: Request, slug: str, switch: str) -> Response:
        """Forget a switch that no longer exists over there."""
        operations.remove_switch(self._switch(self._edited(), switch), actor=actor_of(request), now=self.now)
        return Response(status=204)

    # --- Releases ---

    @action(detail=True)
    def releases(self, request: Request, slug: str) -> Response:
        """Announced and past versions, newest first."""
        return self.page(self.get_object().releases.all(), parts.ReleaseSerializer, ordering="-id")

    @releases.mapping.post
    def add_release(self, request: Request, slug: str) -> Response:
        """Announce a version, put it out now, or tell that it went out."""
        automation, said = self._edited(), self.body()
        if said.get("planned_at") is not None:
            if said.get("released_at") is not None:
                raise InvalidInput("both", "It is announced or it is out, not both.", field="planned_at")
            said = {name: value for name, value in said.items() if name not in ("released_at", "watch_hours")}
            release = operations.plan_release(automation, **said, actor=actor_of(request), now=self.now)
        else:
            said.pop("planned_at", None)
            release = operations.record_release(automation, **said, actor=actor_of(request), now=self.now)
        return Response(parts.ReleaseSerializer(release).data, status=201)

    @action(detail=True, methods=["post"], url_path=f"releases/{ROW}/cancel")
    def cancel_release(self, request: Request, slug: str, row: str) -> Response:
        """Call off what was announced."""
        release = get_object_or_404(Release, automation=self._edited(), pk=int(row))
        return Response(
            parts.ReleaseSerializer(operations.cancel_release(release, actor=actor_of(request), now=self.now)).data
        )

    # --- Credentials ---

    @action(detail=True)
    def credentials(self, request: Request, slug: str) -> Response:
        """Credentials by reference. Leadership does not see them."""
        automation = self.get_object()
        if not queries.may_see_credentials(principal_of(self.request)):
            raise Forbidden("not_yours", "Credentials are for who works on automations.")
        return self.page(automation.credentials.all(), parts.CredentialSerializer, ordering="id")

    @credentials.mapping.post
    def add_credential(self, request: Request, slug: str) -> Response:
        credential = operations.add_credential(self._edited(), **self.body(), actor=actor_of(request), now=self.now)
        return Response(parts.CredentialSerializer(credential).data, status=201)

    @action(detail=True, methods=["patch"], url_path=f"credentials/{ROW}")
    def change_credential(self, request: Request, slug: str, row: str) -> Response:
        credential = get_object_or_404(Credential, automation=self._edited(), pk=int(row))
        values = self.body(partial=True)
        changed = operations.change_credential(credential, values=values, actor=actor_of(request), now=self.now)
        return Response(parts.CredentialSerializer(changed).data)

    @change_credential.mapping.delete
    def retire_credential(self, request: Request, slug: str, row: str) -> Response:
        """It is no longer used."""
        credential = get_object_or_404(Credential, automation=self._edited(), pk=int(row))
        operations.retire_credential(credential, actor=actor_of(request), now=self.now)
        return Response(status=204)

    # --- Checklists ---

    @action(detail=True)
    def checklists(self, request: Request, slug: str) -> Response:
        """Hardening, before production, production readiness: what is done, by whom, when."""
        return Response(parts.checklists_data(self.get_object()))

    @checklists.mapping.post
    def tick(self, request: Request, slug: str) -> Response:
        """Tick an item, or take the tick back."""
        automation = self._edited()
        operations.tick_item(automation, **self.body(), actor=actor_of(request), now=self.now)
        return Response(parts.checklists_data(automation))

    # --- Shared ---

    def _operate(self, operation: Any) -> Response:
        automation = operation(self._operated(), **self.body(), actor=actor_of(self.request), now=self.now)
        return self._fresh(automation)

    def _fresh(self, automation: Automation, *, status: int = 200) -> Response:
        """As it stands now, also where whoever moved it no longer sees it."""
        rows = Automation.objects.select_related(*queries.NAMES, "workflow")
        rows = rows.prefetch_related("responsibilities__person", "workflow__versions")
        return self.answer(rows.get(pk=automation.pk), status=status)

    def _edited(self) -> Automation:
        automation: Automation = self.get_object()
        if not queries.may_edit(automation, principal_of(self.request)):
            raise Forbidden("not_yours", "Its owner, its backup or an ops lead may do this.")
        return automation

    def _operated(self) -> Automation:
        automation: Automation = self.get_object()
        if not queries.may_operate(automation, principal_of(self.request), self.now):
            raise Forbidden("not_yours", "Its owner, its backup, an ops lead or who is on shift may do this.")
        return automation

    def _switch(self, automation: Automation, slug: str) -> Switch:
        return get_object_or_404(Switch.objects.select_related("automation__team"), automation=automation, slug=slug)

    def _check_team(self, values: dict[str, Any]) -> None:
        """Nobody moves a record to where they could not see it."""
        visible = identity.visible_teams(principal_of(self.request))
        team = values.get("team")
        if team is not None and visible is not None and team.pk not in visible:
            raise InvalidInput("unknown_team", f"There is no team “{team.slug}”.", field="team")
