"""Pages: who may send us something, by which address, and how to try it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import team_for
from opsportal.identity.views.pages import Outcome, form_page, signed_in
from opsportal.integrations import forms, operations, queries, tables
from opsportal.integrations.models import Integration
from opsportal.web.actions import post_action
from opsportal.web.listing import list_page

RECIPE = """\
export SECRET='whsec_…'
BODY='{{"event_name":"lead.created","case_id":"lead-1","timestamp":"2026-01-05T09:00:00Z"}}'
ID="msg_$(date +%s)"; AT=$(date +%s)
KEY=$(printf %s "${{SECRET#whsec_}}" | base64 -d | od -An -tx1 | tr -d ' \\n')
SIGNATURE=$(printf %s "$ID.$AT.$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64)
curl -X POST '{url}' \\
  -H 'Content-Type: application/json' \\
  -H "webhook-id: $ID" -H "webhook-timestamp: $AT" -H "webhook-signature: v1,$SIGNATURE" \\
  -d "$BODY"
"""


@scope_required("catalog:write")
def integrations(request: HttpRequest) -> HttpResponseBase:
    return list_page(
        request,
        queryset=queries.list_integrations(principal_of(request)),
        table_class=tables.IntegrationTable,
        filter_class=tables.IntegrationFilter,
        title="Integrations",
        csv_name="integrations",
        context={
            "actions_template": "integrations/list_actions.html",
            "sentence": "Programs that send here by an address of their own.",
        },
    )


@scope_required("catalog:write")
def integration(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _integration(request, pk)
    url = settings.BASE_URL + queries.path_of(found)
    context = {
        "title": found.name,
        "integration": found,
        "kind": tables.label_of(found.kind),
        "badge": "on" if found.enabled else "off",
        "tone": "good" if found.enabled else "calm",
        "url": url,
        "recipe": RECIPE.format(url=url) if found.secret else "",
        "received": queries.list_received(found),
        "back_url": reverse("integrations:integrations"),
        "back_label": "Integrations",
    }
    return render(request, "integrations/integration.html", context)


@scope_required("catalog:write")
def add_integration(request: HttpRequest) -> HttpResponse:
    me = signed_in(request)

    def act(values: dict[str, Any]) -> Outcome:
        team = values.pop("team")
        values["team"] = team_for(me, team.slug if team else None)
        made, secret = operations.create_integration(**values, created_by=me, actor=actor_of(request), now=clock.now())
        return _shown_once(request, made, secret)

    return form_page(
        request,
        forms.NewIntegrationForm(request.POST or None, principal=me),
        act,
        title="Add an integration",
        button="Add integration",
        back_url=reverse("integrations:integrations"),
        back_label="Integrations",
    )


@scope_required("catalog:write")
def edit_integration(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _integration(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        operations.change_integration(found, **values, actor=actor_of(request), now=clock.now())
        return f"{values['name']} is changed.", _address(found)

    return form_page(
        request,
        forms.IntegrationForm(request.POST or None, initial={"name": found.name, "mapping": found.mapping}),
        act,
        title=f"Change {found.name}",
        button="Save",
        back_url=_address(found),
    )


@scope_required("catalog:write")
def rotate_integration(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _integration(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        made, secret = operations.rotate_integration_secret(
            found, secret=values["secret"], actor=actor_of(request), now=clock.now()
        )
        return _shown_once(request, made, secret)

    return form_page(
        request,
        forms.RotateForm(request.POST or None),
        act,
        title=f"New secret for {found.name}",
        button="Replace secret",
        sentence="For a day messages signed with the old secret are taken too.",
        back_url=_address(found),
    )


@scope_required("catalog:write")
def disable_integration(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _integration(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        operations.change_integration(
            found, enabled=False, reason=values["reason"], actor=actor_of(request), now=clock.now()
        )
        return f"{found.name} is off.", _address(found)

    return form_page(
        request,
        forms.WithReasonForm(request.POST or None),
        act,
        title=f"Switch {found.name} off",
        button="Switch off",
        sentence="Its address answers 404 until somebody switches it on again.",
        back_url=_address(found),
        is_danger=True,
    )


@scope_required("catalog:write")
@post_action
def enable_integration(request: HttpRequest, pk: Any) -> str:
    found = _integration(request, pk)
    operations.change_integration(found, enabled=True, actor=actor_of(request), now=clock.now())
    return f"{found.name} is on again."


def _integration(request: HttpRequest, pk: Any) -> Integration:
    return get_object_or_404(queries.list_integrations(principal_of(request)), pk=pk)


def _address(found: Integration) -> str:
    return reverse("integrations:integration", args=[found.pk])


def _shown_once(request: HttpRequest, made: Integration, secret: str) -> HttpResponse:
    if not secret:
        return HttpResponseRedirect(_address(made))
    context = {"title": "Copy the secret now", "integration": made, "secret": secret, "url": _address(made)}
    return render(request, "integrations/secret.html", context, status=201)
