"""The audit browser: a list with filters and CSV, and one page an entry."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from opsportal import clock
from opsportal.audit import queries, sentences
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.audit.tables import CSV_HEADER, EntryFilter, EntryTable, csv_row
from opsportal.errors import NotFound
from opsportal.web import csv
from opsportal.web.listing import list_page
from opsportal.web.words import count

SCOPE = "audit:read"
MAX_ID = 2**63 - 1


def entry_list(request: HttpRequest) -> HttpResponseBase:
    """`/audit/`"""
    entries = queries.visible_entries(_visible_teams(request))
    if request.GET.get("format") == "csv":
        filters = EntryFilter(request.GET, queryset=entries, request=request)
        if filters.form.is_valid():
            return _export(request, filters, clock.now())
    now = clock.now()
    status = queries.chain_status(now)
    page = {
        "badge": status.word,
        "tone": status.tone,
        "sentence": status.sentence,
        "status": status,
        "seal_note": f"number {status.head.number:,}" if status.head else "",
        "verified_note": count(status.verification.entry_count, "entry", "entries") if status.verification else "",
        "csv_url": _csv_url(request),
    }
    return list_page(
        request,
        queryset=entries,
        table_class=EntryTable,
        filter_class=EntryFilter,
        template="audit/list.html",
        title="Audit",
        context=page,
    )


def entry_page(request: HttpRequest, entry_id: int) -> HttpResponse:
    """`/audit/<id>/`"""
    teams = _visible_teams(request)
    if entry_id > MAX_ID:
        raise Http404
    try:
        entry = queries.get_entry(entry_id, teams=teams)
    except NotFound as error:
        raise Http404(error.message) from error
    detail = sentences.detail_of(entry)
    page = {
        "title": sentences.sentence(entry),
        "entry": entry,
        "detail": detail,
        "extra": sentences.readable(detail.get("extra")),
        "seal": queries.get_seal_of(entry),
        "commitment": bytes(entry.commitment).hex(),
    }
    return render(request, "audit/entry.html", page)


def _visible_teams(request: HttpRequest) -> set[str] | None:
    person: Any = request.user
    prefetch_related_objects([person], "groups")  # asked for rights and for teams; read once
    if not person.allows(SCOPE):
        raise PermissionDenied(f"This needs the right “{SCOPE}”.")
    return queries.visible_teams(person)


def _export(request: HttpRequest, filters: EntryFilter, now: datetime) -> HttpResponseBase:
    """The filtered trail as CSV; that it was taken, by whom and with which filter, is an entry too."""
    what = ", ".join(f"{label} {value}" for _, label, value in filters.active) or "all entries"
    actor = Actor("human", str(request.user.pk), str(request.user))
    record(Draft(actor, "audit.exported", Subject("audit", "trail"), now, extra={"what": f"CSV, {what}"}))
    rows = (csv_row(entry) for entry in filters.qs.iterator(chunk_size=1_000))
    return csv.stream("audit", CSV_HEADER, rows)


def _csv_url(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    query["format"] = "csv"
    return f"?{query.urlencode()}"
