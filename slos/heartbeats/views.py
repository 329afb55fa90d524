"""Pages of heartbeats: the list, one with its pings and how to call it, its form, the keys for programs."""

from datetime import datetime, tzinfo
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from opsportal import clock
from opsportal.catalog import upkeep
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import person_of, visible_teams
from opsportal.web import charts
from opsportal.web import words as web_words
from opsportal.web.actions import Done, post_action
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from slos.heartbeats import engine, operations, queries, shapes, words
from slos.heartbeats.forms import HeartbeatForm, ProjectForm, begun_with
from slos.heartbeats.tables import HeartbeatFilter, HeartbeatTable
from slos.models import Heartbeat, Ping, PingProject
from slos.states import HeartbeatStatus

PINGS_DRAWN = 60
ACTS = {
    "pause": (operations.pause_heartbeat, "Paused: nothing is expected of it."),
    "resume": (operations.resume_heartbeat, "It waits for its first ping."),
    "rotate": (operations.rotate_heartbeat, "It has a new address. Whatever calls the old one gets 404."),
}


@scope_required("heartbeats:read")
def list_view(request: HttpRequest) -> HttpResponseBase:
    rows = queries.list_heartbeats(principal_of(request)).with_status(clock.now())
    return list_page(
        request,
        queryset=rows.order_by("name", "slug"),
        table_class=HeartbeatTable,
        filter_class=HeartbeatFilter,
        template="slos/heartbeats_list.html",
        title="Heartbeats",
        csv_name="heartbeats",
        context={"sentence": _list_sentence(rows), "may_write": _may(request, "heartbeats:write")},
    )


@scope_required("heartbeats:read")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """What is known, what is expected next, what came, how to call it."""
    heartbeat, now = _get(request, slug), clock.now()
    status, flips, pings = (
        queries.status_of(heartbeat, now),
        queries.list_flips(heartbeat),
        queries.list_pings(heartbeat),
    )
    may_write = _may(request, "heartbeats:write")
    url = shapes.ping_url(heartbeat)
    context = {
        "heartbeat": heartbeat,
        "badge": words.STATUSES[status],
        "tone": words.TONES[status],
        "sentence": words.standing(heartbeat, status, flips[0] if flips else None),
        "figures": _figures(heartbeat, status, now),
        "times": _times(queries.next_times(heartbeat, now), heartbeat.timezone),
        "zones": (heartbeat.timezone, timezone.get_current_timezone_name()),
        "strip": _strip(pings),
        "pings": [
            (one, words.PING_WORDS.get(one.kind, one.kind), words.PING_TONES.get(one.kind, "")) for one in pings[:10]
        ],
        "flips": [_change(flip) for flip in flips[:15]],
        "facts": _facts(heartbeat),
        "may_write": may_write,
        "may_see_runs": _may(request, "runs:read"),
        "url": url if may_write else "",
        "calls": _calls(url) if may_write else [],
        "is_paused": heartbeat.status == HeartbeatStatus.PAUSED,
    }
    return render(request, "slos/heartbeats_detail.html", context)


@scope_required("heartbeats:write")
def create(request: HttpRequest) -> HttpResponse:
    """A blank form; `?automation=` begins with that one and what its workflow's schedule suggests."""
    principal = principal_of(request)
    named = Automation.objects.visible_to(principal).filter(slug=request.GET.get("automation", "")[:60]).first()
    form = HeartbeatForm(request.POST or None, initial=begun_with(named) if named else None, person=principal)

    def save() -> Heartbeat:
        return operations.create_heartbeat(values=form.values(), actor=actor_of(request), now=clock.now())

    return _editor(request, form, save, "New heartbeat", (reverse("heartbeats:list"), "Heartbeats"))


@scope_required("heartbeats:write")
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    heartbeat = _get(request, slug)
    # The form fills the instance it is given; what is saved goes through the operation.
    form = HeartbeatForm(request.POST or None, instance=_get(request, slug), person=principal_of(request))

    def save() -> Heartbeat:
        return operations.change_heartbeat(heartbeat, values=form.values(), actor=actor_of(request), now=clock.now())

    return _editor(
        request, form, save, f"Change {heartbeat}", (reverse("heartbeats:detail", args=[slug]), str(heartbeat))
    )


@scope_required("heartbeats:write")
@post_action
def act(request: HttpRequest, slug: str, name: str) -> str | Done:
    """Pause, resume, a new address, or away with it."""
    heartbeat, who = queries.get_heartbeat(slug, principal_of(request)), actor_of(request)
    if name == "delete":
        operations.delete_heartbeat(heartbeat, actor=who, now=clock.now())
        return Done(f"{heartbeat} is deleted, with its pings.", reverse("heartbeats:list"), "calm")
    if name not in ACTS:
        raise NotFound("unknown_act", "There is no such action.")
    operation, sentence = ACTS[name]
    operation(heartbeat, actor=who, now=clock.now())
    return sentence


@scope_required("heartbeats:write")
def projects(request: HttpRequest) -> HttpResponse:
    """Keys for programs that speak the protocol of healthchecks.io. Who may make integrations makes them."""
    principal, now = principal_of(request), clock.now()
    may_make = _may(request, "catalog:write")
    form = ProjectForm(request.POST or None)
    if request.method == "POST":
        if not may_make:
            raise PermissionDenied("An ops lead makes keys for programs.")
        if form.is_valid():
            operations.create_project(
                **form.cleaned_data, created_by=person_of(principal), actor=actor_of(request), now=now
            )
            return redirect("heartbeats:projects")
    rows = PingProject.objects.select_related("integration__team").filter(integration__disabled_at=None)
    teams = visible_teams(principal)
    shown = rows if teams is None else rows.filter(integration__team__in=teams)
    context = {
        "title": "Keys for programs",
        "sentence": "Clients of healthchecks.io work here unchanged: give them these addresses and keys.",
        "back_url": reverse("heartbeats:list"),
        "back_label": "Heartbeats",
        "projects": list(shown.order_by("integration__name")) if may_make else [],
        "base": settings.BASE_URL,
        "form": form if may_make else None,
    }
    return render(request, "slos/heartbeats_projects.html", context, status=422 if form.errors else 200)


def panel(request: HttpRequest, automation: Automation, now: datetime) -> dict[str, Any] | None:
    """What the page of an automation shows of its heartbeats."""
    if not _may(request, "heartbeats:read"):
        return None
    found = queries.of_automation(automation)
    known = [(one, queries.status_of(one, now)) for one in found]
    rows = [(one, words.STATUSES[status], words.TONES[status], words.rhythm(one)) for one, status in known]
    suggested = {} if rows else upkeep.suggested_rhythm(automation)
    return {"rows": rows, "suggested": suggested, "may_write": _may(request, "heartbeats:write")}


# --- parts ---


def _editor(request: HttpRequest, form: HeartbeatForm, save: Any, title: str, back: tuple[str, str]) -> HttpResponse:
    """The form; “Show the next times” answers it again with what it would mean, and saves nothing."""
    preview: list[dict[str, str]] = []
    if request.method == "POST" and form.is_valid():
        if "preview" in request.POST:
            times = engine.next_times(form.rhythm(), clock.now())
            preview = _times(times, form.cleaned_data["timezone"])
        else:
            try:
                saved = save()
            except DomainError as error:
                refuse(form, error)
            else:
                return redirect("heartbeats:detail", saved.slug)
    context = {
        "form": form,
        "title": title,
        "back_url": back[0],
        "back_label": back[1],
        "preview": preview,
        "zones": (form["timezone"].value(), timezone.get_current_timezone_name()),
    }
    return render(request, "slos/heartbeats_form.html", context, status=422 if form.errors else 200)


def _get(request: HttpRequest, slug: str) -> Heartbeat:
    try:
        return queries.get_heartbeat(slug, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error


def _may(request: HttpRequest, scope: str) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(scope)


def _figures(heartbeat: Heartbeat, status: HeartbeatStatus, now: datetime) -> list[dict[str, Any]]:
    last, due = heartbeat.last_ping_at, heartbeat.due_at
    waits = status != HeartbeatStatus.PAUSED and due is not None
    took = heartbeat.last_duration_ms
    return [
        {"label": "Last ping", "value": web_words.ago(last, now) if last else "never"},
        {
            "label": "Next ping",
            "value": web_words.due(due, now) if waits and due else "not expected",
            "tone": words.TONES[status] if status in (HeartbeatStatus.DOWN, HeartbeatStatus.LATE) else "",
        },
        {"label": "Grace", "value": words.span(heartbeat.grace_seconds)},
        {"label": "Last run took", "value": "–" if took is None else web_words.duration(took / 1000)},
    ]


def _times(times: list[datetime], zone: str) -> list[dict[str, str]]:
    """Expected instants in the zone of the schedule and in the reader's."""
    own, mine = engine.zone_of(zone), timezone.get_current_timezone()
    return [{"there": _in_zone(at, own), "here": _in_zone(at, mine), "utc": at.isoformat()} for at in times]


def _in_zone(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S} {web_words.zone_name(local)}"


def _strip(pings: list[Ping]) -> charts.Chart:
    """The last pings side by side, oldest first."""
    mine = timezone.get_current_timezone()
    cells = [
        charts.Cell(
            f"{words.PING_WORDS.get(one.kind, one.kind)}, {_in_zone(one.at, mine)}", words.PING_TONES.get(one.kind, "")
        )
        for one in reversed(pings[:PINGS_DRAWN])
    ]
    return charts.strip("Last pings", cells)


def _change(flip: Any) -> dict[str, Any]:
    to = HeartbeatStatus(flip.to_status)
    return {
        "at": flip.at,
        "word": words.STATUSES[to],
        "tone": words.TONES[to],
        "reason": words.REASONS.get(flip.reason, flip.reason),
    }


def _facts(heartbeat: Heartbeat) -> list[tuple[str, str]]:
    given = [
        ("Expected", words.rhythm(heartbeat)),
        ("Longest run", heartbeat.max_runtime_seconds and words.span(heartbeat.max_runtime_seconds)),
        ("Starts within", heartbeat.start_deadline_seconds and words.span(heartbeat.start_deadline_seconds)),
        ("Items a run", heartbeat.min_items and f"at least {heartbeat.min_items:,}"),
        ("Pings an hour", heartbeat.max_pings_per_hour and f"at most {heartbeat.max_pings_per_hour:,}"),
        ("Missed last time", heartbeat.missed_count and web_words.count(heartbeat.missed_count, "ping")),
        ("Pings so far", f"{heartbeat.ping_count:,}"),
        ("Tags", heartbeat.tags),
    ]
    return [(label, str(value)) for label, value in given if value]


def _calls(url: str) -> list[tuple[str, str]]:
    """Lines to copy, each with what it is for."""
    curl = "curl -fsS -m 10 --retry 5 -o /dev/null"
    return [
        ("At the end of a script", f"{curl} {url}"),
        ("A cron job, with its exit status", f"0 6 * * * /usr/local/bin/sync.sh; {curl} {url}/$?"),
        (
            "Start and end of a run with an id of its own",
            f'RID=$(uuidgen)\n{curl} "{url}/start?rid=$RID"\n/usr/local/bin/sync.sh\n{curl} "{url}/$??rid=$RID"',
        ),
        ("With how much it produced", f'{curl} "{url}?items=12"'),
        ("n8n: an HTTP Request node at the end, and one in the error workflow", f"POST {url}\nPOST {url}/fail"),
    ]


def _list_sentence(rows: Any) -> str:
    known = list(rows.order_by().values_list("known", flat=True))
    down, late = known.count("down"), known.count("late")
    if not known:
        return ""
    if down:
        return f"{down} of {len(known)} {'is' if down == 1 else 'are'} down."
    return f"None is down, {late} late." if late else "All of them are as they should be."
