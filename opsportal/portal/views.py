"""The cockpit, the search, the trace."""

from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from opsportal import clock, trace
from opsportal.identity.actors import principal_of
from opsportal.identity.models import Person
from opsportal.portal import search
from opsportal.portal.cockpit import cockpit_of
from opsportal.portal.traces import get_trace
from opsportal.web import navigation


def cockpit_page(request: HttpRequest) -> HttpResponse:
    """`/`"""
    cockpit = cockpit_of(cast(Person, request.user), clock.now())
    navigation.note(request, **{"notify:inbox": cockpit.unread_count, "approvals:list": cockpit.approval_count})
    return render(request, "portal/cockpit.html", {"title": "Cockpit", "cockpit": cockpit})


def search_page(request: HttpRequest) -> HttpResponse:
    """`/search/?q=`"""
    text = request.GET.get("q", "").strip()[: search.LONGEST]
    groups = search.find(principal_of(request), text)
    is_short = 0 < len(text) < search.SHORTEST
    return render(
        request, "portal/search.html", {"title": "Search", "text": text, "groups": groups, "is_short": is_short}
    )


def trace_page(request: HttpRequest, trace_id: str) -> HttpResponse:
    """`/trace/<id>/`; 404 where nothing carries the id, and for what may not be seen."""
    if not trace.is_valid(trace_id):
        raise Http404
    line = get_trace(principal_of(request), trace_id)
    context = {"title": "Trace", "line": line, "asked_id": trace_id}
    return render(request, "portal/trace.html", context, status=404 if line.is_empty else 200)
