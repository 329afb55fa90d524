"""The weekly review: a week's overruns with their reasons, and what to prune. Tagging happens on the page itself."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from handoffs import operations, queries, reviewing
from handoffs.engine.weeks import Week
from handoffs.models import BreachReason, Handoff, Rule
from handoffs.pages import Figure
from handoffs.queries.reasons import KnownReasons, known_reasons
from handoffs.queries.review import ReasonCount, Review, RuleWeek, list_overruns, read_overruns, review
from handoffs.views.access import found, may
from opsportal import clock
from opsportal.audit.addresses import address_of
from opsportal.audit.sentences import sentence
from opsportal.errors import DomainError, InvalidInput
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.roles import CONFIGURE_HANDOFFS
from opsportal.web import csv, words
from opsportal.web.actions import Done, back, post_action

ROWS = 30  # on a page: each has a form of its own
MOST_AT_ONCE = 200
SHOWN_REASONS = 12


@scope_required("handoffs:read")
def review_view(request: HttpRequest) -> HttpResponseBase:
    """One ISO week; `?week=2026-W47`, `?rule=`, `?page=`, `?format=csv`."""
    now, principal = clock.now(), principal_of(request)
    week, problem = _week(request.GET.get("week", ""), Week.of(now))
    rule = _rule(request)
    if request.GET.get("format") == "csv" and not problem:
        return _csv(request, week, rule)
    told = review(principal, week, now=now, rule=rule)
    context = _context(request, told) | {"problem": problem}
    return render(request, "handoffs/review.html", context, status=400 if problem else 200)


@scope_required("handoffs:write")
@post_action
def tag(request: HttpRequest) -> Done:
    """Note reasons: of the row whose button was pressed, of every row with a choice, or one for all ticked rows."""
    chosen = _chosen(request.POST, known_reasons())
    if not chosen:
        return Done("Choose a reason first.", tone="warn")
    noted, refused = 0, []
    for record in Handoff.objects.visible_to(principal_of(request)).filter(pk__in=chosen):
        reason = chosen[record.pk]
        if record.breach_reason == reason.label:
            continue
        try:
            operations.tag_reason(record, breach_reason=reason.label, actor=actor_of(request), now=clock.now())
            noted += 1
        except DomainError as error:
            refused.append(f"{record.subject}: {error.message}")
    only = request.POST.get("only", "")
    return _done(noted, refused, url=f"{back(request)}#row-{only}" if only else "")


def _context(request: HttpRequest, told: Review) -> dict[str, Any]:
    page = Paginator(told.overruns, ROWS).get_page(request.GET.get("page"))
    may_tag = may(request, "handoffs:write")
    return {
        "title": "Weekly review",
        "sentence": reviewing.headline(told),
        "badge": f"week {told.week.number}",
        "tone": "calm",
        "review": told,
        "days": reviewing.days(told.week),
        "figures": _figures(told),
        "page": page,
        "rows": [(one, one.reason.slug if one.reason else "") for one in page],
        "offered": told.known.offered,
        "may_tag": may_tag,
        "may_configure": may(request, CONFIGURE_HANDOFFS),
        "may_see_trail": may(request, "audit:read"),
        "rules": told.choices,
        "rule_weeks": [(one, _hit_rate_url(one, told)) for one in told.rules],
        "comparison": reviewing.against_last_week(told),
        "reason_bars": _reason_bars(told),
        "silent": [(one, reviewing.silence(one)) for one in told.silent],
        "changes": [(one, sentence(one), address_of(one.subject_type, one.subject_id)) for one in told.changes],
        "previous_url": _address(told, week=str(told.week.before)),
        "next_url": "" if told.week.until > told.now else _address(told, week=str(told.week.after)),
        "csv_url": _address(told, format="csv"),
        "here": request.get_full_path(),
    }


def _figures(told: Review) -> list[Figure]:
    overran_before = sum(one.overran_before for one in told.rules)
    breached_before = sum(one.breached_before for one in told.rules)
    point = "by this time last week" if told.is_running else "the week before"
    silent = sum(one.silent for one in told.silent)
    return [
        Figure("Past their timer", f"{told.overran:,}", f"{overran_before:,} {point}"),
        Figure("Breached", f"{told.breached:,}", f"{breached_before:,} {point}", "bad" if told.breached else ""),
        Figure("Without a reason", f"{told.untagged:,}", "", "warn" if told.untagged else "good"),
        Figure("Alerts without effect", f"{silent:,}", "nothing was done before the next stage"),
    ]


def _reason_bars(told: Review) -> list[tuple[ReasonCount, int]]:
    """The reasons of the week with the length of their bars, in percent of the top one's."""
    most = max((one.records for one in told.reasons), default=1)
    return [(one, 100 * one.records // most) for one in told.reasons[:SHOWN_REASONS]]


def _hit_rate_url(one: RuleWeek, told: Review) -> str:
    span = {"rule": one.rule.slug, "from": f"{told.week.from_at:%Y-%m-%d}", "to": f"{told.week.until:%Y-%m-%d}"}
    return f"/hit-rate/?{urlencode(span)}"


def _week(text: str, current: Week) -> tuple[Week, str]:
    """The week asked for, or the current one with a sentence what was wrong."""
    if not text:
        return current, ""
    try:
        return Week.parse(text.strip()), ""
    except InvalidInput as error:
        return current, f"{error.message} This is the current one."


def _rule(request: HttpRequest) -> Rule | None:
    slug = request.GET.get("rule", "")
    return found(lambda: queries.get_rule(principal_of(request), slug)) if slug else None


def _address(told: Review, **query: str) -> str:
    values = {"week": str(told.week), **({"rule": told.rule.slug} if told.rule else {}), **query}
    return f"{reverse('review:review')}?{urlencode(values)}"


def _csv(request: HttpRequest, week: Week, rule: Rule | None) -> HttpResponseBase:
    now, seen = clock.now(), Handoff.objects.visible_to(principal_of(request))
    if rule is not None:
        seen = seen.filter(rule=rule)
    rows = list_overruns(seen, week.from_at, min(week.until, now), now=now)
    return csv.stream(f"review-{week}", reviewing.CSV_COLUMNS, reviewing.csv_rows(read_overruns(rows.iterator())))


def _chosen(post: QueryDict, known: KnownReasons) -> dict[UUID, BreachReason]:
    """Which record gets which reason, by the button that was pressed."""
    if "for_ticked" in post:
        picked = dict.fromkeys(post.getlist("selected"), post.get("reason", ""))
    else:
        rows = [f"reason-{post['only']}"] if post.get("only") else [name for name in post if name.startswith("reason-")]
        picked = {name.removeprefix("reason-"): post.get(name, "") for name in rows}
    offered = {one.slug: one for one in known.offered}
    pairs = ((_uuid(key), offered.get(slug or "")) for key, slug in list(picked.items())[:MOST_AT_ONCE])
    return {key: reason for key, reason in pairs if key and reason}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _done(noted: int, refused: list[str], url: str) -> Done:
    sentences = [f"Noted for {words.count(noted, 'record')}."] if noted else []
    sentences += refused or ([] if noted else ["These say so already."])
    return Done(" ".join(sentences), url=url, tone="warn" if refused else "good" if noted else "calm")
