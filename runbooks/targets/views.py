"""Pages of replay targets: how each fares, what it declares, stopping it and its backup queue."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from runbooks.models import ReplayTarget
from runbooks.targets import operations, queries, secrets
from runbooks.targets.forms import NewTargetForm, TargetForm

READ, WRITE = "replay:read", "catalog:write"
TONES = {"well": "good", "unused": "calm", "failing": "warn", "open": "bad", "stopped": "warn"}
WORDS = {"well": "Answers", "unused": "Not used yet", "failing": "Failing", "open": "Left alone", "stopped": "Stopped"}


@scope_required(READ)
def list_view(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    rows = [(target, queries.fare_of(target, now)) for target in queries.list_targets(principal_of(request))[:200]]
    context = {
        "title": "Replay targets",
        "sentence": _list_sentence([fare.word for _, fare in rows]),
        "rows": [(target, fare, WORDS[fare.word], TONES[fare.word]) for target, fare in rows],
        "may_write": _may_write(request),
        "back_url": reverse("replay:list"),
        "back_label": "Replay",
    }
    return render(request, "runbooks/replay_targets.html", context)


@scope_required(READ)
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    target, now = _get(request, slug), clock.now()
    fare, health = queries.fare_of(target, now), queries.health_of(target)
    context = {
        "target": target,
        "title": target,
        "badge": WORDS[fare.word],
        "tone": TONES[fare.word],
        "sentence": fare.sentence,
        "back_url": reverse("replay:targets"),
        "back_label": "Replay targets",
        "figures": [
            ("On their way", fare.waiting),
            ("To decide", fare.undecided),
            ("Requests a minute, at most", f"{target.rate_per_minute:,}"),
        ],
        "fare": fare,
        "health": health,
        "secret_missing": not secrets.is_resolved(target.secret_ref),
        "shadow_secret_missing": not secrets.is_resolved(target.shadow_secret_ref),
        "may_write": _may_write(request),
    }
    return render(request, "runbooks/replay_target.html", context)


@scope_required(WRITE)
def create(request: HttpRequest) -> HttpResponse:
    form = NewTargetForm(request.POST or None, person=principal_of(request))

    def save() -> ReplayTarget:
        slug = form.cleaned_data["slug"]
        target, secret = operations.create_target(
            slug=slug, values=form.values(), actor=actor_of(request), now=clock.now()
        )
        say(request, Done(f"Made. Its signing secret, shown this once: {secret}", tone="calm"))
        return target

    return _editor(request, form, save, "New replay target", (reverse("replay:targets"), "Replay targets"))


@scope_required(WRITE)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    target = _get(request, slug)
    # The form fills the instance it is given; what is saved goes through the operation.
    form = TargetForm(request.POST or None, instance=_get(request, slug), person=principal_of(request))

    def save() -> ReplayTarget:
        return operations.change_target(target, values=form.values(), actor=actor_of(request), now=clock.now())

    return _editor(request, form, save, f"Change {target}", (target.get_absolute_url(), str(target)))


@scope_required(WRITE)
@post_action
def act(request: HttpRequest, slug: str, name: str) -> str | Done:
    """Stop, start, try at once, the backup queue, a new secret."""
    target, who, now = queries.get_target(slug, principal_of(request)), actor_of(request), clock.now()
    reason = request.POST.get("reason", "")
    if name == "stop":
        operations.stop_target(target, reason=reason, actor=who, now=now)
        return "Nothing more is sent to it until somebody starts it again."
    if name == "start":
        operations.start_target(target, actor=who, now=now)
        return "Sending goes on."
    if name == "try":
        operations.try_now(target, actor=who, now=now)
        return "One request tries it now."
    if name in ("backup-on", "backup-off"):
        operations.switch_backup(target, on=name == "backup-on", reason=reason, actor=who, now=now)
        return "Whoever asks is told to store here." if name == "backup-on" else "Whoever asks is told to send again."
    if name == "rotate":
        secret = operations.rotate_secret(target, actor=who, now=now)
        return Done(f"Its new signing secret, shown this once: {secret}", tone="calm")
    raise NotFound("unknown_act", "There is no such action.")


def _editor(
    request: HttpRequest, form: TargetForm, save: Callable[[], ReplayTarget], title: str, back: tuple[str, str]
) -> HttpResponse:
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                return redirect(save().get_absolute_url())
            except DomainError as error:
                refuse(form, error)
        status = 422
    context: dict[str, Any] = {"form": form, "title": title, "back_url": back[0], "back_label": back[1]}
    return render(request, "runbooks/replay_target_form.html", context, status=status)


def _list_sentence(words: list[str]) -> str:
    if not words:
        return "There is no target yet: nothing can be replayed anywhere."
    bad = sum(word in ("open", "failing", "stopped") for word in words)
    if not bad:
        return f"All {len(words)} can be sent to."
    return f"{bad} of {len(words)} {'is' if bad == 1 else 'are'} failing or stopped."


def _may_write(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(WRITE)


def _get(request: HttpRequest, slug: str) -> ReplayTarget:
    try:
        return queries.get_target(slug, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error
