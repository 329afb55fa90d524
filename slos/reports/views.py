"""Pages for sales leadership (budgets, executive), the shared copy without a login, and the page for debugging."""

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET, require_POST

from handoffs.views.access import may
from opsportal import clock
from opsportal.catalog.models import Freeze
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import Principal, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web import charts
from opsportal.web import words as web
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from slos.budgets import queries as budgets
from slos.models import ShareLink
from slos.policy import words as policy_words
from slos.reports import links as share_links
from slos.reports import operations, queries, words
from slos.reports.forms import ShareForm
from slos.reports.queries import Workflow
from slos.states import BudgetState

LINES = 60  # on one page
SEEN_AT_ONCE = 6
DEBUGGED = 25


@scope_required("slos:read")
def budget_page(request: HttpRequest) -> HttpResponse:
    """`/budgets/`"""
    return _budget_page(request, ShareForm())


@scope_required("slos:read")
@require_POST
def share_create(request: HttpRequest) -> HttpResponse:
    form = ShareForm(request.POST)
    if form.is_valid():
        try:
            link = operations.share_budgets(person=_person(request), **form.cleaned_data, now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Whoever has the address can read this page until it ends."))
            return redirect(f"{reverse('reports:budgets')}#share-{link.pk}")
    return _budget_page(request, form)


@scope_required("slos:read")
@post_action
def share_revoke(request: HttpRequest, key: UUID) -> Done:
    link = get_object_or_404(ShareLink.objects.select_related("author__team"), pk=key)
    operations.revoke_share(link, person=_person(request), now=clock.now())
    return Done("Revoked: the address shows nothing any more.", url=reverse("reports:budgets"))


@require_GET
def shared_budgets(request: HttpRequest, token: str) -> HttpResponse:
    """`/shared/budgets/<token>/`: no login, no links inside, nothing but verdicts."""
    now = clock.now()
    try:
        link = operations.open_share(token, now=now)
    except NotFound as error:
        raise Http404(error.message) from error
    context = _budgets(link.author, now, request.GET.get("page", "1")) | {"link": link, "title": "Error budgets"}
    response = render(request, "slos/reports_shared.html", context)
    patch_cache_control(response, no_store=True, private=True)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


shared_budgets.login_required = False  # type: ignore[attr-defined]


@scope_required("slos:read")
def executive_page(request: HttpRequest) -> HttpResponse:
    """`/executive/`: how the automations do as a whole, over four weeks and the four before."""
    now = clock.now()
    found = queries.executive(principal_of(request), now)
    states = found.states
    context = {
        "title": "Executive view",
        "badge": _executive_word(states),
        "tone": "bad" if BudgetState.EXHAUSTED in states else "good",
        "sentence": _executive_sentence(found),
        "figures": _figures(found, states),
        "success": charts.line(
            "Runs that succeeded, by week",
            [charts.Series("succeeded", [charts.Point(_midnight(week.first), week.ratio) for week in found.weeks])],
            text=lambda share: f"{share:.1%}",
            high=1,
        ),
        "cost": charts.bars(
            f"Cost by week{', ' + found.currency if found.currency else ''}",
            [charts.Bar(f"{week.first.day} {week.first:%b}", float(week.cost)) for week in found.weeks],
        ),
        "has_cost": any(week.cost for week in found.weeks),
        "has_runs": any(week.ratio is not None for week in found.weeks),
        "failing": found.failing,
        "worst": [(slo, words.short(rate)) for slo, rate in found.worst],
        "verdicts": _verdict_counts(states),
    }
    return render(request, "slos/reports_executive.html", context)


@scope_required("runs:read")
def debug_page(request: HttpRequest) -> HttpResponse:
    """`/debug/`: what failed, retried and waits, of the last 24 hours."""
    now, name = clock.now(), request.GET.get("q", "").replace("\x00", "")[:100]
    mark = budgets.watermark()
    ranked = queries.by_failures(principal_of(request), now, mark, name)
    page = Paginator(ranked, DEBUGGED).get_page(request.GET.get("page"))
    troubles = queries.troubles([automation for automation, _ in page.object_list], now, mark)
    failed = sum(counts.failed for _, counts in ranked)
    failing = sum(1 for _, counts in ranked if counts.failed)
    context = {
        "title": "Debug",
        "badge": f"{failed:,} failed" if failed else "nothing failed",
        "tone": "bad" if failed else "good",
        "sentence": _debug_sentence(failing, failed),
        "troubles": troubles,
        "steps": queries.slowest_steps(troubles[0].automation) if len(troubles) == 1 else [],
        "since": (now - queries.DAY).date().isoformat(),
        "may_see_replay": may(request, "replay:read"),
        "page": page,
        "q": name,
    }
    return render(request, "slos/reports_debug.html", context)


# --- budgets ---


def _budget_page(request: HttpRequest, form: ShareForm) -> HttpResponse:
    now, person = clock.now(), _person(request)
    links = ShareLink.objects.select_related("author").filter(revoked_at=None, expires_at__gt=now)
    links = links if person.allows("slos:write") else links.filter(author=person)
    context = _budgets(person, now, request.GET.get("page", "1")) | {
        "title": "Error budgets",
        "form": form,
        "links": [(link, _address(request, link) if link.author_id == person.pk else "") for link in links[:20]],
    }
    return render(request, "slos/reports_budgets.html", context, status=422 if form.errors else 200)


def _budgets(principal: Principal, now: datetime, page: str) -> dict[str, Any]:
    found, freezes = queries.workflows(principal, now), list(Freeze.objects.in_force(now))
    turns = queries.turns(principal, now - queries.WEEK)
    states = [one.standing.state for one in found]
    used_up = states.count(BudgetState.EXHAUSTED)
    shown = Paginator(found, LINES).get_page(page)
    worst = _worst(found)
    lines = queries.lines_of([*shown.object_list, *worst], freezes, now)
    return {
        "at": now,
        "page": shown,
        "lines": [lines[one.pk] for one in shown.object_list if one.pk in lines],
        "worst": [lines[one.pk] for one in worst if one.pk in lines],
        "turns": _turns(turns),
        "badge": f"{used_up} used up" if used_up else ("all within budget" if found else "nothing is promised yet"),
        "tone": "bad" if used_up else "good",
        "sentence": _sentence(states, sum(queries.is_frozen(one, freezes) for one in found)),
        "verdicts": _verdict_counts(states),
    }


def _sentence(states: list[BudgetState], frozen: int) -> str:
    if not states:
        return "No workflow has a target yet."
    used_up, low = states.count(BudgetState.EXHAUSTED), states.count(BudgetState.AT_RISK)
    all_of = web.count(len(states), "workflow")
    if used_up:
        parts = [f"{used_up} of {all_of} {'has' if used_up == 1 else 'have'} used up what {_it(used_up)} may fail"]
    else:
        parts = [f"None of {all_of} has used up what it may fail"]
    parts += [f"{low} {'runs' if low == 1 else 'run'} low"] if low else []
    parts += [f"new features wait for {frozen}"] if frozen else []
    return f"{'; '.join(parts)}."


def _it(count: int) -> str:
    return "it" if count == 1 else "they"


def _worst(found: list[Workflow]) -> list[Workflow]:
    """The three that stand worst, where there are so many workflows that one has to look for them."""
    if len(found) <= SEEN_AT_ONCE:
        return []
    return [one for one in found if one.standing.state in (BudgetState.EXHAUSTED, BudgetState.AT_RISK)][:3]


def _turns(found: list[queries.Turn]) -> list[dict[str, Any]]:
    """What was decided of a workflow on a day, once, with the targets it was decided by."""
    by_what: dict[tuple[Any, ...], list[Any]] = {}
    for turn in found:
        decision = turn.decision
        by_what.setdefault((decision.day, decision.automation, turn.verdict), []).append(decision)
    return [
        {
            "day": day,
            "automation": automation,
            "word": policy_words.VERDICTS[verdict],
            "tone": policy_words.TONES[verdict],
            "follows": words.FOLLOWS[verdict],
            "decisions": decisions,
        }
        for (day, automation, verdict), decisions in by_what.items()
    ]


def _verdict_counts(states: list[BudgetState]) -> list[tuple[str, int, str, str]]:
    """Each verdict, of how many, the noun for so many, its tone."""
    counted = [(word.capitalize(), states.count(state), tone) for state, (word, tone) in words.VERDICTS.items()]
    return [(word, count, "workflow" if count == 1 else "workflows", tone) for word, count, tone in counted]


def _address(request: HttpRequest, link: ShareLink) -> str:
    return request.build_absolute_uri(reverse("reports:shared", args=[share_links.token_of(link)]))


# --- executive ---


def _executive_word(states: list[BudgetState]) -> str:
    used_up = states.count(BudgetState.EXHAUSTED)
    return f"{web.count(used_up, 'budget')} used up" if used_up else "no budget used up"


def _executive_sentence(found: queries.Executive) -> str:
    ratio, before = found.now.ratio, found.before.ratio
    if ratio is None:
        return "No run has been reported in the last four weeks."
    told = f"{_percent(ratio)} of {found.now.succeeded + found.now.failed:,} runs succeeded in the last four weeks"
    if before is None:
        return f"{told}."
    if _percent(ratio) == _percent(before):
        return f"{told}, as in the four before."
    return f"{told}, {'up' if ratio > before else 'down'} from {_percent(before)} in the four before."


def _figures(found: queries.Executive, states: list[BudgetState]) -> list[tuple[str, str, str, str]]:
    ratio = found.now.ratio
    worst = found.worst[0] if found.worst else None
    figures = [
        ("Runs that succeeded", _percent(ratio) if ratio is not None else "–", "28 complete days", ""),
        (
            "Worst burn rate",
            words.short(worst[1]) if worst else "–",
            f"{worst[0].automation}, last 7 days" if worst else "nothing burnt in 7 days",
            "bad" if worst and worst[1] > 2 else "",
        ),
        ("Disruptions", str(found.disruptions[0]), _disruptions(found.disruptions[1]), ""),
        ("Budgets used up", str(states.count(BudgetState.EXHAUSTED)), f"of {len(states)} workflows", ""),
    ]
    if found.now.cost or found.before.cost:
        cost = f"{found.now.cost:,.2f} {found.currency}".rstrip()
        figures.append(("Cost, 28 days", cost, f"{found.before.cost:,.2f} in the 28 days before", ""))
    return figures


def _disruptions(before: int) -> str:
    return f"outages, stuck or runaway runs; {before} in the 28 days before"


def _percent(ratio: float) -> str:
    return f"{ratio:.2%}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _debug_sentence(failing: int, failed: int) -> str:
    if not failed:
        return "No run has failed in the last 24 hours."
    return f"{web.count(failed, 'run')} of {web.count(failing, 'automation')} failed in the last 24 hours."


def _person(request: HttpRequest) -> Person:
    person = principal_of(request)
    if not isinstance(person, Person):
        raise PermissionDenied("This needs a person.")
    return person
