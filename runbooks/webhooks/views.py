"""Pages of the webhooks that steps may call: the list, one of them, making, changing and retiring it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from handoffs.views.access import found, may
from opsportal import clock
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from runbooks.models import Webhook
from runbooks.targets import secrets
from runbooks.webhooks import operations, queries
from runbooks.webhooks.forms import NewWebhookForm, RetireForm, WebhookForm

READ, WRITE = "replay:read", "catalog:write"


@scope_required(READ)
def list_view(request: HttpRequest) -> HttpResponse:
    """`/runbooks/webhooks/`"""
    rows = list(queries.list_webhooks(principal_of(request)).in_use()[:200])  # type: ignore[attr-defined]
    context = {
        "title": "Webhooks of runbooks",
        "sentence": "What a step of a runbook may call by its button. Nothing else can be called.",
        "rows": rows,
        "may_write": may(request, WRITE),
        "back_url": reverse("runbooks:list"),
        "back_label": "Runbooks",
    }
    return render(request, "runbooks/webhooks_list.html", context)


@scope_required(READ)
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    webhook = _get(request, slug)
    is_retired = webhook.retired_at is not None
    context = {
        "webhook": webhook,
        "title": webhook,
        "badge": "retired" if is_retired else "dangerous" if webhook.is_dangerous else "guarded",
        "tone": "calm" if is_retired else "warn" if webhook.is_dangerous else "good",
        "sentence": "Out of use." if is_retired else f"A step calls it by “do: call-webhook, webhook: {webhook.slug}”.",
        "secret_missing": not secrets.is_resolved(webhook.secret_ref),
        "may_write": may(request, WRITE) and not is_retired,
        "form": RetireForm(),
    }
    return render(request, "runbooks/webhook_detail.html", context)


@scope_required(WRITE)
def create(request: HttpRequest) -> HttpResponse:
    form = NewWebhookForm(request.POST or None, person=principal_of(request))

    def save() -> Webhook:
        webhook, secret = operations.create_webhook(
            slug=form.cleaned_data["slug"], values=form.values(), actor=actor_of(request), now=clock.now()
        )
        say(request, Done(f"Registered. Its signing secret, shown this once: {secret}", tone="calm"))
        return webhook

    return _editor(request, form, save, "New webhook", reverse("webhooks-of-runbooks:list"))


@scope_required(WRITE)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    webhook = _get(request, slug)
    # The form fills the instance it is given; what is saved goes through the operation.
    form = WebhookForm(request.POST or None, instance=_get(request, slug), person=principal_of(request))

    def save() -> Webhook:
        return operations.change_webhook(webhook, values=form.values(), actor=actor_of(request), now=clock.now())

    return _editor(request, form, save, f"Change {webhook}", webhook.get_absolute_url())


@scope_required(WRITE)
@post_action
def act(request: HttpRequest, slug: str, name: str) -> Done:
    """A new secret, or out of use."""
    webhook, who, now = queries.get_webhook(slug, principal_of(request)), actor_of(request), clock.now()
    if name == "rotate":
        secret = operations.rotate_webhook_secret(webhook, actor=who, now=now)
        return Done(f"Its new signing secret, shown this once: {secret}", tone="calm")
    if name == "retire":
        operations.retire_webhook(webhook, reason=request.POST.get("reason", ""), actor=who, now=now)
        return Done("No step calls it any more.", url=webhook.get_absolute_url())
    raise NotFound("unknown_act", "There is no such action.")


def _get(request: HttpRequest, slug: str) -> Webhook:
    return found(lambda: queries.get_webhook(slug, principal_of(request)))


def _editor(
    request: HttpRequest, form: WebhookForm, save: Callable[[], Webhook], title: str, back: str
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(save().get_absolute_url())
        except DomainError as error:
            refuse(form, error)
    context: dict[str, Any] = {"form": form, "title": title, "back_url": back, "back_label": "Back", "button": "Save"}
    return render(request, "runbooks/library_form.html", context, status=422 if form.errors else 200)
