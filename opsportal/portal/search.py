"""Finding a record by what one has at hand: a name, a reference, an id. Each room is one source of hits."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Case, Q, When
from django.urls import reverse
from django.utils.http import urlencode

from handoffs.models import Handoff, Rule
from handoffs.pages import MODE_TONES, STATE_TONES
from handoffs.queries import list_handoffs, list_rules
from handoffs.states import HandoffState, RuleMode
from opsportal import trace
from opsportal.audit.queries import entries_with_trace
from opsportal.catalog.models import Automation
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.queries import visible_team_slugs
from runbooks.library.queries import list_runbooks
from runbooks.models import RunbookLink, RunbookRevision
from runbooks.states import RevisionState
from slos.heartbeats.queries import list_heartbeats
from slos.objectives.queries import list_slos
from slos.runs.queries import list_runs

SHORTEST, LONGEST, SHOWN = 2, 200, 8
SHORTEST_ID = 6  # what is shorter is no id, and is not looked up as one


@dataclass(frozen=True, slots=True)
class Hit:
    """One record: what it is called, where it is, what tells it from its namesakes."""

    title: str
    url: str
    note: str = ""
    word: str = ""
    tone: str = "calm"


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one room, at most SHOWN; `more_url` leads to all of them."""

    label: str
    hits: list[Hit]
    more_url: str = ""


def find(principal: Principal | None, text: str) -> list[Group]:
    """Groups with hits, the most exact first. Text shorter than SHORTEST finds nothing."""
    text = text.encode(errors="ignore").decode().replace("\x00", "").strip()[:LONGEST]
    if principal is None or len(text) < SHORTEST:
        return []
    groups = [source(principal, text) for source in SOURCES]
    return [group for group in groups if group.hits]


def _handoffs(principal: Principal, text: str) -> Group:
    key, rows = _uuid(text), list_handoffs(principal).prefetch_related(None)
    exact = Q(trace_id=text) | Q(pk=key) if key else Q(trace_id=text)  # both are indexed; what follows reads the table
    found = list(rows.filter(exact)[: SHOWN + 1]) if len(text) >= SHORTEST_ID else []
    found = found or list(rows.filter(Q(external_ref=text) | Q(subject__icontains=text))[: SHOWN + 1])
    more = f"{reverse('handoffs:list')}?{urlencode({'q': text})}" if len(found) > SHOWN else ""
    return Group("Handoffs", [_handoff(one) for one in found[:SHOWN]], more)


def _rules(principal: Principal, text: str) -> Group:
    found = list_rules(principal).filter(Q(name__icontains=text) | Q(slug__icontains=text)).order_by("name")
    return Group("Rules", [_rule(rule) for rule in found[:SHOWN]])


def _automations(principal: Principal, text: str) -> Group:
    rows = Automation.objects.visible_to(principal).select_related("owner")
    found = rows.filter(Q(name__icontains=text) | Q(slug__icontains=text)).order_by("name")
    hits = [
        Hit(one.name, reverse("catalog:automation", args=[one.slug]), f"owned by {one.owner}" if one.owner else "")
        for one in found[:SHOWN]
    ]
    return Group("Automations", hits)


def _people(principal: Principal, text: str) -> Group:
    if not principal.allows("people:read"):
        return Group("People", [])
    named = Q(name__icontains=text) | Q(username__icontains=text) | Q(email__iexact=text)
    found = Person.objects.filter(named, is_active=True).select_related("team").order_by("name")
    hits = [Hit(one.name, one.get_absolute_url(), str(one.team or "")) for one in found[:SHOWN]]
    return Group("People", hits)


def _traces(principal: Principal, text: str) -> Group:
    if not trace.is_valid(text) or len(text) < SHORTEST_ID:
        return Group("Traces", [])
    may_read = principal.allows("audit:read")
    known = may_read and entries_with_trace(text, teams=visible_team_slugs(principal)).order_by().exists()
    note = "everything that carries this id"
    return Group("Traces", [Hit(text, reverse("portal:trace", args=[text]), note)] if known else [])


def _runs(principal: Principal, text: str) -> Group:
    """By what a platform calls it, wholly: a part of it would have to read every run. Such ids hold a digit."""
    if not principal.allows("runs:read") or not any(one.isdigit() for one in text):
        return Group("Runs", [])
    rows = list_runs(principal).select_related("automation")
    found = rows.filter(Q(correlation_id=text) | Q(automation__in=Automation.objects.all(), run_id=text))
    hits = [
        Hit(f"{one.automation}: {one.run_id}", reverse("runs:detail", args=[one.pk]), one.error_type, one.status)
        for one in found[:SHOWN]
    ]
    return Group("Runs", hits)


def _slos(principal: Principal, text: str) -> Group:
    if not principal.allows("slos:read"):
        return Group("SLOs", [])
    found = list_slos(principal).filter(Q(name__icontains=text) | Q(slug__icontains=text)).order_by("name")
    hits = [
        Hit(one.name, reverse("slos:detail", args=[one.slug]), f"{one.target.normalize():f}%") for one in found[:SHOWN]
    ]
    return Group("SLOs", hits)


def _heartbeats(principal: Principal, text: str) -> Group:
    if not principal.allows("heartbeats:read"):
        return Group("Heartbeats", [])
    found = list_heartbeats(principal).filter(Q(name__icontains=text) | Q(slug__icontains=text)).order_by("slug")
    hits = [
        Hit(str(one), reverse("heartbeats:detail", args=[one.slug]), str(one.automation or "")) for one in found[:SHOWN]
    ]
    return Group("Heartbeats", hits)


def _runbooks(principal: Principal, text: str) -> Group:
    """By name, by what they are for, and by the words of what is published."""
    if not principal.allows("runbooks:read"):
        return Group("Runbooks", [])
    about = RunbookLink.objects.filter(slug__icontains=text)
    said = RunbookRevision.objects.filter(state=RevisionState.PUBLISHED, text__icontains=text)
    named = Q(title__icontains=text) | Q(slug__icontains=text)
    rows = list_runbooks(principal).prefetch_related(None).filter(retired_at=None)
    exact = Case(When(named, then=0), default=1)
    found = rows.filter(named | Q(pk__in=about.values("runbook")) | Q(pk__in=said.values("runbook")))
    hits = [
        Hit(one.title, one.get_absolute_url(), one.kind, "" if one.published_number else "draft")
        for one in found.order_by(exact, "title", "slug")[:SHOWN]
    ]
    return Group("Runbooks", hits)


SOURCES: tuple[Callable[[Principal, str], Group], ...] = (
    *(_traces, _handoffs, _rules, _automations, _runbooks),
    *(_slos, _heartbeats, _runs, _people),
)


def _handoff(one: Handoff) -> Hit:
    note = " · ".join(part for part in (one.rule.name, one.external_ref, str(one.owner or "nobody")) if part)
    return Hit(one.subject, one.get_absolute_url(), note, one.state, STATE_TONES[HandoffState(one.state)])


def _rule(rule: Rule) -> Hit:
    return Hit(rule.name, reverse("rules:detail", args=[rule.slug]), "", rule.mode, MODE_TONES[RuleMode(rule.mode)])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
