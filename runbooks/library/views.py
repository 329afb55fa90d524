"""Pages of the library: the list with the month's draw, one runbook, its revisions side by side, what is wrong."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from handoffs.views.access import found, may
from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from opsportal.web.words import count
from runbooks.library import operations, pages, queries, registry
from runbooks.library.access import form_page, person_of, runbook_of, who, written
from runbooks.library.engine import comparing, document
from runbooks.library.exchange.files import safe_path
from runbooks.library.filters import RunbookFilterSet
from runbooks.library.forms import AnswerForm, ValidationForm, WrongStepForm
from runbooks.library.moves import offered
from runbooks.library.operations.upkeep import month_of
from runbooks.library.tables import RunbookTable
from runbooks.models.library import Runbook, RunbookLink, RunbookRevision
from runbooks.states import RevisionState

LINK_PAGES = {RunbookLink.Kind.AUTOMATION: "/automations/", RunbookLink.Kind.RULE: "/rules/"}


@scope_required(queries.READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    """`/runbooks/`"""
    principal, now = principal_of(request), clock.now()
    rows = queries.list_runbooks(principal)
    in_use = rows.filter(retired_at=None)
    rows = rows if request.GET.get("state") else in_use
    rows = rows.order_by("title", "slug")
    return list_page(
        request,
        queryset=rows,
        table_class=RunbookTable,
        filter_class=RunbookFilterSet,
        template="runbooks/library_list.html",
        title="Runbooks",
        context={
            "sentence": pages.summary(queries.summary_of(in_use, now)),
            "draw": queries.get_draw(month_of(now), principal),
            "month": now,
            "can_write": may(request, queries.WRITE),
        },
        csv_name="runbooks",
    )


@scope_required(queries.READ)
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One runbook: whether it can be relied on, its text, what people found out."""
    now, runbook = clock.now(), runbook_of(request, slug)
    published, latest = queries.get_counting(runbook, now)
    revision = published or latest or queries.get_newest(runbook)
    text, steps = document.read(revision.text), queries.list_steps(revision)
    reports = queries.list_reports(runbook) if runbook.open_reports else []  # type: ignore[attr-defined]
    badge, tone = pages.verdict(runbook, now)
    may_write = queries.may_write(principal_of(request), runbook)
    draft = latest if may_write else None
    moves = offered(request, runbook, draft, published)
    context = {
        "runbook": runbook,
        "revision": revision,
        "badge": badge,
        "tone": tone,
        "sentence": pages.sentence(runbook, len(reports), now),
        "html": pages.shown(text, steps),
        "notion": pages.notion_address(text),
        "steps": steps,
        "reports": reports,
        "draft": draft,
        "automations": queries.standing_about(runbook).automations,
        "links": [(link, LINK_PAGES.get(RunbookLink.Kind(link.kind), "")) for link in runbook.links.all()],
        "validations": runbook.validations.select_related("person", "revision")[:5],
        "derived": runbook.derived.filter(retired_at=None) if runbook.kind == Runbook.Kind.PLAYBOOK else (),
        "moved_on": _moved_on(runbook),
        "may_write": may_write,
        "moves": moves,
        "draft_moves": [one for one in moves if one[0] not in ("retire", "restore")] if draft else [],
        "offers": registry.offers_for(request, runbook),
        "is_published": revision.state == RevisionState.PUBLISHED,
    }
    return render(request, "runbooks/library_detail.html", context)


@scope_required(queries.READ)
def file(request: HttpRequest, slug: str) -> HttpResponse:
    """`/runbooks/<slug>/file.md`: the text as it is kept."""
    runbook = runbook_of(request, slug)
    revision = queries.get_shown(runbook)
    name = safe_path(runbook.path, runbook.slug).rsplit("/", 1)[-1]
    plain = name if name.isascii() and name.isprintable() else f"{runbook.slug}.md"
    disposition = {"Content-Disposition": f'attachment; filename="{plain}"'}
    return HttpResponse(revision.text.encode(), content_type="text/markdown; charset=utf-8", headers=disposition)


@scope_required(queries.READ)
def revisions(request: HttpRequest, slug: str) -> HttpResponse:
    runbook = runbook_of(request, slug)
    rows = queries.list_revisions(runbook, principal_of(request))
    shown = [(one, *pages.revision_word(one)) for one in rows[:200]]
    context = {"runbook": runbook, "rows": shown, "title": f"Revisions of {runbook.title}"}
    return render(request, "runbooks/library_revisions.html", context)


@scope_required(queries.READ)
def revision_view(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One revision beside another: `?against=`, by default the one published before it, else the one before."""
    runbook, principal = runbook_of(request, slug), principal_of(request)
    revision = found(lambda: queries.get_revision(runbook, number, principal=principal))
    other = _against(request, revision)
    lines = comparing.compare(other.text, revision.text) if other else []
    added, removed = comparing.counts(lines)
    context = {
        "runbook": runbook,
        "revision": revision,
        "other": other,
        "others": [n for n in _numbers(runbook, request) if n != number],
        "lines": lines,
        "sentence": _compared(other, added, removed),
        "html": pages.shown(document.read(revision.text), queries.list_steps(revision)),
        "title": f"{runbook.title}, revision {number}",
        "badge": pages.revision_word(revision)[0],
        "tone": pages.revision_word(revision)[1],
        "may_write": queries.may_write(principal, runbook),
    }
    return render(request, "runbooks/library_revision.html", context)


@scope_required(queries.READ)
def wrong_step(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Say what is wrong with a step."""
    runbook = runbook_of(request, slug)
    if not queries.may_report(principal_of(request), runbook):
        raise PermissionDenied("Whoever writes runbooks says that a step is wrong.")
    revision = queries.get_shown(runbook)
    step = found(lambda: queries.get_step(revision, key))
    form = WrongStepForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.report_step(revision, key=step.key, words=form.cleaned_data["words"], **who(request))
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Noted. Whoever keeps this runbook has been told."))
            return redirect(f"{runbook.get_absolute_url()}#step-{step.key}")
    context = {"title": "This step is wrong", "sentence": f"{step.label}: {step.title}", "button": "Say so"}
    return form_page(request, runbook, form, context)


@scope_required(queries.READ)
def answer(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Answer a report without changing the step."""
    runbook = written(request, slug)
    report = found(lambda: queries.get_report(runbook, pk))
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            resolution = form.cleaned_data["resolution"]
            operations.resolve_report(report, resolution=resolution, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Answered."))
            return redirect(runbook.get_absolute_url())
    context = {"title": "Answer", "sentence": f"{report.title}: {report.words}", "button": "Answer"}
    return form_page(request, runbook, form, context)


@scope_required(queries.READ)
def validate(request: HttpRequest, slug: str) -> HttpResponse:
    """Say whether it holds, after going through it."""
    runbook = written(request, slug)
    start = {"how": request.GET.get("how", "checked"), "holds": "yes"}
    form = ValidationForm(request.POST if request.method == "POST" else None, initial=start)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            values = {"how": said["how"], "holds": said["holds"], "note_text": said["note"]}
            operations.validate_runbook(runbook, **values, **who(request))
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("It is known to hold." if said["holds"] else "It is marked as stale."))
            return redirect(runbook.get_absolute_url())
    sentence = "Go through every step first; where one is wrong, say so at the step."
    context = {"title": "Does it hold?", "sentence": sentence, "button": "Record it"}
    return form_page(request, runbook, form, context)


@scope_required(queries.READ)
@post_action
def start_again(request: HttpRequest, slug: str, number: int) -> Done:
    """Take the text of an earlier revision as the next draft."""
    runbook = written(request, slug)
    old = queries.get_revision(runbook, number, principal=principal_of(request))
    operations.save_draft(
        runbook,
        text=old.text,
        base=queries.get_newest(runbook).number,
        note_text=f"The text of revision {number} again",
        author=person_of(request),
        actor=actor_of(request),
        now=clock.now(),
    )
    return Done(f"The text of revision {number} is the draft now.", url=runbook.get_absolute_url())


def panel(request: HttpRequest, automation: Any, now: datetime) -> dict[str, Any] | None:
    """The runbook of an automation, on its page; what it shows was read with the automation."""
    if not may(request, queries.READ):
        return None
    if not hasattr(automation, "runbook_slug"):
        automation = queries.with_first_runbook(type(automation).objects.filter(pk=automation.pk)).get()
    stale_at = automation.runbook_stale_at
    return {
        "slug": automation.runbook_slug,
        "name": automation.runbook_title,
        "verdict": ("stale", "warn") if stale_at is not None and stale_at <= now else ("current", "good"),
        "may_write": may(request, queries.WRITE),
    }


def _moved_on(runbook: Runbook) -> bool:
    """Whether the playbook it came from has a later revision."""
    source, number = runbook.derived_from, runbook.derived_from_number
    return source is not None and number is not None and (source.published_number or 0) > number


def _numbers(runbook: Runbook, request: HttpRequest) -> list[int]:
    return list(queries.list_revisions(runbook, principal_of(request)).values_list("number", flat=True)[:50])


def _against(request: HttpRequest, revision: RunbookRevision) -> RunbookRevision | None:
    asked = request.GET.get("against", "")
    rows = queries.list_revisions(revision.runbook, principal_of(request))
    if asked.isascii() and asked.isdecimal() and len(asked) < 9:
        return found(lambda: queries.get_revision(revision.runbook, int(asked), principal=principal_of(request)))
    before = rows.filter(number__lt=revision.number)
    return before.filter(published_at__isnull=False).first() or before.first()


def _compared(other: RunbookRevision | None, added: int, removed: int) -> str:
    if other is None:
        return "There is nothing before it to compare with."
    if not added and not removed:
        return f"The same text as revision {other.number}."
    return f"Beside revision {other.number}: {count(added, 'line')} added, {removed} taken away."
