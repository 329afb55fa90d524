"""Pages of the replay queue: what waits and why, and one payload with its attempts and what was delivered."""

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from opsportal import clock
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import person_of
from opsportal.web import navigation
from opsportal.web.actions import Done, post_action, say
from opsportal.web.listing import list_page
from runbooks.models import ReplayItem
from runbooks.models.items import Release
from runbooks.queue import authority, operations, queries, reading, words
from runbooks.queue.handing_over import HandOver, hand_over
from runbooks.queue.tables import ItemFilter, ItemTable
from runbooks.states import TRANSITIONS, WORDS, ItemState
from runbooks.targets.queries import health_of

DECISIONS = {
    "mark-delivered": (operations.mark_delivered, "It counts as delivered; the next payload of its record goes on."),
    "discard": (operations.discard_item, "It is discarded; the next payload of its record goes on."),
    "supersede": (operations.supersede_item, "It gave way to a newer payload of its record."),
}
SHOWN_IN_FRONT = 5
READ, ACT = "replay:read", "replay:request"


@scope_required(READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    principal, now = principal_of(request), clock.now()
    waiting = queries.waiting(principal)
    navigation.note(request, **{"replay:list": waiting.undecided})
    return list_page(
        request,
        queryset=queries.list_items(principal).order_by("-received_at", "-pk"),
        table_class=ItemTable,
        filter_class=ItemFilter,
        template="runbooks/replay_list.html",
        title="Replay",
        csv_name="replay-items",
        context={
            "sentence": words.verdict(waiting, now),
            "waiting": waiting,
            "held": waiting.counts.get(ItemState.HELD, 0),
            "dead": waiting.counts.get(ItemState.DEAD, 0),
            "in_doubt": waiting.counts.get(ItemState.IN_DOUBT, 0),
            "groups": queries.groups(principal),
            "may_request": _may_act(request),
            "hand_over": _hand_over(request),
        },
    )


@scope_required(READ)
def item(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands, its attempts, the ledger, its payload masked, and what a person can decide."""
    return _page(request, _get(request, pk))


@scope_required(ACT)
@post_action
def decide(request: HttpRequest, pk: UUID, name: str) -> str | Done:
    found, reason, now = queries.get_item(pk, principal_of(request)), request.POST.get("reason", ""), clock.now()
    if name == "resend":
        person = person_of(principal_of(request))
        done = operations.resend_items([found], reason=reason, actor=actor_of(request), person=person, now=now)
        if isinstance(done, Release):
            return "Let go: it is sent as soon as its record and the rate of its target let it."
        return Done("A second person decides about this first.", reverse("approvals:approval", args=[done.pk]), "warn")
    if name not in DECISIONS:
        raise NotFound("unknown_act", "There is no such action.")
    operation, sentence = DECISIONS[name]
    operation(found, reason=reason, actor=actor_of(request), now=now)
    return sentence


@scope_required(READ)
@post_action
def hold(request: HttpRequest, pk: UUID, name: str) -> str:
    """Keep the payload for law, or end that."""
    if name not in ("set", "end"):
        raise NotFound("unknown_act", "There is no such action.")
    found, reason, now = queries.get_item(pk, principal_of(request)), request.POST.get("reason", ""), clock.now()
    if not queries.may_hold(principal_of(request)):
        raise PermissionDenied("Ops leads and admins set and end a legal hold.")
    if name == "set":
        operations.hold_for_law(found, reason=reason, actor=actor_of(request), now=now)
        return "It is kept until the hold ends, whatever its time and whoever asks for an erasure."
    operations.end_legal_hold(found, reason=reason, actor=actor_of(request), now=now)
    return "The hold has ended: the payload goes when its time comes."


@scope_required(READ)
@require_POST
def unmask(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The payload in clear, in the answer to this one request; the trail keeps who read it and why."""
    found = _get(request, pk)
    if not queries.may_unmask(principal_of(request), found):
        raise PermissionDenied("Ops leads and the owner of the automation may read a payload.")
    reason = request.POST.get("reason", "")
    try:
        body = reading.unmask(found, reason=reason, actor=actor_of(request), now=clock.now())
    except DomainError as error:
        say(request, Done(error.message, tone="bad"))
        return _page(request, found, status=422)
    return _page(request, found, clear=reading.laid_out(body))


def _hand_over(request: HttpRequest) -> HandOver | None:
    """The filtered payloads as a plan; nothing where nothing is filtered."""
    if not _may_act(request) or not any(request.GET.get(name) for name in ItemFilter.base_filters):
        return None
    filters = ItemFilter(request.GET, queryset=queries.list_items(principal_of(request)), request=request)
    return hand_over(request.GET.dict(), filters.qs) if filters.form.is_valid() else None


def _may_act(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(ACT)


def _page(request: HttpRequest, found: ReplayItem, *, clear: str = "", status: int = 200) -> HttpResponse:
    now, state, principal = clock.now(), ItemState(found.state), principal_of(request)
    context = {
        "item": found,
        "title": str(found),
        "badge": WORDS[state],
        "tone": words.TONES[state],
        "sentence": queries.why_it_waits(found, now),
        "figures": _figures(found),
        "is_due": found.due_at is not None and found.due_at <= now,
        "is_left_alone": health_of(found.target).opened_at is not None,
        "attempts": [(one, words.outcome(one.outcome)) for one in queries.list_attempts(found)[:50]],
        "ledger": [(one, words.HOW[one.how]) for one in queries.ledger_of(found)],
        "in_front": [(one, WORDS[ItemState(one.state)]) for one in queries.in_front(found)[:SHOWN_IN_FRONT]],
        "payload": _pretty(reading.masked(found)),
        "clear": clear,
        "may_unmask": queries.may_unmask(principal, found) and not clear,
        "may_hold": queries.may_hold(principal),
        "acts": _acts(found) if _may_act(request) else [],
    }
    return render(request, "runbooks/replay_item.html", context, status=status)


def _acts(found: ReplayItem) -> list[tuple[str, str, str]]:
    """(address, button, what it means) of what can be decided now."""
    state = ItemState(found.state)
    moves = TRANSITIONS[state] if state is not ItemState.LEASED else frozenset()
    acts = []
    if ItemState.PENDING in moves:
        meaning = "It goes to its target in the order of its record."
        if authority.is_critical(found):
            meaning = f"{meaning} It belongs to a P0: a second person says yes first."
        acts.append(("resend", "Send it again", meaning))
    if ItemState.DELIVERED in moves:
        acts.append(("mark-delivered", "It has arrived", "Nothing is sent; its record goes on."))
    if ItemState.SUPERSEDED in moves and _has_newer(found):
        acts.append(("supersede", "A newer one counts", "Nothing is sent; a newer payload of its record is there."))
    if ItemState.DISCARDED in moves:
        acts.append(("discard", "Discard it", "Nothing is sent, ever; its record goes on."))
    return acts


def _has_newer(found: ReplayItem) -> bool:
    """Whether a newer payload of its record could take its place; for a P0 none ever does."""
    return found.lane is not None and found.sequence < found.lane.last_sequence and not authority.is_critical(found)


def _figures(found: ReplayItem) -> list[tuple[str, Any]]:
    place = f"{found.sequence} of {found.lane.last_sequence}" if found.lane is not None else "no order"
    attempts = f"{found.attempts} of {found.target.max_attempts}"
    return [("Attempts", attempts), ("Requests", found.tries), ("Place in its record", place)]


def _pretty(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)


def _get(request: HttpRequest, pk: UUID) -> ReplayItem:
    try:
        return queries.get_item(pk, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error
