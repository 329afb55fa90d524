"""Pages: my inbox, the delivery log, the subscriptions of others."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from opsportal import clock
from opsportal.errors import NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import team_for
from opsportal.identity.views.pages import Outcome, form_page, signed_in
from opsportal.notify import forms, operations, queries, tables, wording
from opsportal.notify.models import Delivery, Message, Subscription
from opsportal.notify.states import RESTARTABLE
from opsportal.web import words
from opsportal.web.actions import Done, post_action
from opsportal.web.listing import list_page

INBOX_PAGE = 30


# --- the inbox ---


def inbox(request: HttpRequest) -> HttpResponse:
    me, now = signed_in(request), clock.now()
    rows, preference = queries.list_messages(me), queries.get_preference(me)
    topic = request.GET.get("topic", "")
    page = Paginator(rows.filter(topic=topic) if topic else rows, INBOX_PAGE).get_page(request.GET.get("page"))
    unread = queries.count_unread(me, now)
    context = {
        "title": "Inbox",
        "page": page,
        "unread": unread,
        "badge": f"{unread} unread" if unread else "All read",
        "tone": "warn" if unread else "good",
        "sentence": "What the portal has told you, whichever way it reached you.",
        "topics": list(me.messages.order_by("topic").values_list("topic", flat=True).distinct()[:20]),
        "topic": topic,
        "reach": queries.get_reach(me, preference),
        "form": forms.PreferenceForm.of(preference),
    }
    return render(request, "notify/inbox.html", context)


@post_action
def read_all(request: HttpRequest) -> str:
    count = operations.mark_all_read(signed_in(request), now=clock.now())
    return f"{words.count(count, 'message')} marked as read." if count else "There was nothing unread."


@post_action
def read(request: HttpRequest, pk: Any) -> Done:
    operations.mark_read(signed_in(request), [_message(request, pk).pk], now=clock.now())
    return Done("")


@require_POST
def open_message(request: HttpRequest, pk: Any) -> HttpResponse:
    """Go to what a message is about; it is read then."""
    message = _message(request, pk)
    operations.mark_read(signed_in(request), [message.pk], now=clock.now())
    return HttpResponseRedirect(wording.path_of(message.url))


@post_action
def reach(request: HttpRequest) -> str:
    me, form = signed_in(request), forms.PreferenceForm(request.POST)
    if not form.is_valid():
        raise Http404
    operations.set_preference(me, **form.wishes(), actor=actor_of(request), now=clock.now())
    return "From now on you are told that way."


def _message(request: HttpRequest, pk: Any) -> Message:
    return get_object_or_404(Message, recipient=signed_in(request), pk=pk)


# --- the delivery log ---


@scope_required("catalog:read")
def deliveries(request: HttpRequest) -> HttpResponseBase:
    rows = queries.list_deliveries(principal_of(request))
    return list_page(
        request,
        queryset=rows,
        table_class=tables.DeliveryTable,
        filter_class=tables.DeliveryFilter,
        template="notify/deliveries.html",
        title="Deliveries",
        csv_name="deliveries",
        context={
            "outbox": queries.get_outbox_state(rows, clock.now()),
            "sentence": "Everything that leaves the portal, and the answer it got.",
            **_house_state(request),
        },
    )


@scope_required("catalog:read")
def delivery(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        found = queries.get_delivery(principal_of(request), pk)
    except NotFound as missing:
        raise Http404(missing.message) from missing
    may_retry = found.state in RESTARTABLE and _may_write(request)

    def act(values: dict[str, Any]) -> Outcome:
        operations.retry_delivery(found, reason=values["reason"], actor=actor_of(request), now=clock.now())
        return "It is sent again, under the same key.", reverse("notify:delivery", args=[found.pk])

    if request.method == "POST" and may_retry:
        return form_page(
            request,
            forms.WithReasonForm(request.POST),
            act,
            title="Send again",
            button="Send again",
            back_url=reverse("notify:delivery", args=[found.pk]),
        )
    return render(request, "notify/delivery.html", _delivery_context(found, may_retry))


def _delivery_context(found: Delivery, may_retry: bool) -> dict[str, Any]:
    return {
        "title": tables.what_of(found),
        "delivery": found,
        "badge": found.get_state_display(),
        "tone": tables.tone_of(found.get_state_display()),
        "channel": found.get_channel_display(),
        "destination": tables.destination_of(found),
        "attempts": found.log.all(),
        "merged": found.merged.select_related("message")[:50],
        "may_retry": may_retry,
        "form": forms.WithReasonForm(),
        "back_url": reverse("notify:deliveries"),
        "back_label": "Deliveries",
    }


# --- subscriptions ---


@scope_required("catalog:write")
def webhooks(request: HttpRequest) -> HttpResponseBase:
    return list_page(
        request,
        queryset=queries.list_subscriptions(principal_of(request)),
        table_class=tables.SubscriptionTable,
        filter_class=tables.SubscriptionFilter,
        title="Webhooks",
        csv_name="webhooks",
        context={
            "actions_template": "notify/webhook_list_actions.html",
            "sentence": "Who outside hears of what happens here.",
        },
    )


@scope_required("catalog:write")
def webhook(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _subscription(request, pk)
    context = {
        "title": found.name,
        "webhook": found,
        "badge": "on" if found.enabled else "off",
        "tone": "good" if found.enabled else "calm",
        "recent": queries.list_recent(found),
        "counts": queries.count_by_state(found),
        "back_url": reverse("notify:webhooks"),
        "back_label": "Webhooks",
    }
    return render(request, "notify/webhook.html", context)


@scope_required("catalog:write")
def add_webhook(request: HttpRequest) -> HttpResponse:
    me = signed_in(request)

    def act(values: dict[str, Any]) -> Outcome:
        team = values.pop("team")
        values["team"] = team_for(me, team.slug if team else None)
        made, secret = operations.create_subscription(**values, created_by=me, actor=actor_of(request), now=clock.now())
        return _shown_once(request, made, secret)

    return form_page(
        request,
        forms.NewSubscriptionForm(request.POST or None, principal=me),
        act,
        title="Add a webhook",
        button="Add webhook",
        back_url=reverse("notify:webhooks"),
        back_label="Webhooks",
    )


@scope_required("catalog:write")
def edit_webhook(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _subscription(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        if values["url"] == found.url:
            del values["url"]
        operations.change_subscription(found, **values, actor=actor_of(request), now=clock.now())
        return f"{values['name']} is changed.", _address(found)

    initial = {"name": found.name, "url": found.url, "events": found.events}
    return form_page(
        request,
        forms.SubscriptionForm(request.POST or None, initial=initial),
        act,
        title=f"Change {found.name}",
        button="Save",
        back_url=_address(found),
    )


@scope_required("catalog:write")
def rotate_webhook(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _subscription(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        made, secret = operations.rotate_subscription_secret(
            found, secret=values["secret"], actor=actor_of(request), now=clock.now()
        )
        return _shown_once(request, made, secret)

    return form_page(
        request,
        forms.RotateForm(request.POST or None),
        act,
        title=f"New secret for {found.name}",
        button="Replace secret",
        sentence="For a day every message carries two signatures, by the old and by the new secret.",
        back_url=_address(found),
    )


@scope_required("catalog:write")
def disable_webhook(request: HttpRequest, pk: Any) -> HttpResponse:
    found = _subscription(request, pk)
    waiting = queries.count_by_state(found)["waiting"]

    def act(values: dict[str, Any]) -> Outcome:
        operations.disable_subscription(found, reason=values["reason"], actor=actor_of(request), now=clock.now())
        return f"{found.name} is off.", _address(found)

    return form_page(
        request,
        forms.WithReasonForm(request.POST or None),
        act,
        title=f"Switch {found.name} off",
        button=f"Switch off and drop {words.count(waiting, 'waiting event')}" if waiting else "Switch off",
        sentence="It hears nothing more until somebody switches it on again.",
        back_url=_address(found),
        is_danger=bool(waiting),
    )


@scope_required("catalog:write")
@post_action
def enable_webhook(request: HttpRequest, pk: Any) -> str:
    found = _subscription(request, pk)
    operations.enable_subscription(found, actor=actor_of(request), now=clock.now())
    return f"{found.name} is on again; it hears of what happens from now on."


def _subscription(request: HttpRequest, pk: Any) -> Subscription:
    return get_object_or_404(queries.list_subscriptions(principal_of(request)), pk=pk)


def _address(found: Subscription) -> str:
    return reverse("notify:webhook", args=[found.pk])


def _shown_once(request: HttpRequest, made: Subscription, secret: str) -> HttpResponse:
    if not secret:
        return HttpResponseRedirect(_address(made))
    context = {"title": "Copy the secret now", "webhook": made, "secret": secret, "url": _address(made)}
    return render(request, "notify/secret.html", context, status=201)


def _may_write(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows("catalog:write")


def _house_state(request: HttpRequest) -> dict[str, Any]:
    """What concerns every team, for those who see every team."""
    if not queries.sees_every_team(principal_of(request)):
        return {}
    return {"silent_hosts": queries.list_silent_hosts(), "unreachable": list(queries.list_unreachable()[:20])}
