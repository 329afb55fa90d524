"""Pages that belong to no room: the theme switch, error pages, and the style guide for those who build pages."""

import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.db.transaction import TransactionManagementError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template import loader
from django.views.decorators.http import require_POST

from opsportal import trace
from opsportal.errors import RETRY_AFTER_SECONDS
from opsportal.web import actions, theme


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep light, dark or auto in a cookie and go back."""
    response = HttpResponseRedirect(actions.back(request))
    theme.remember(request, response, request.POST.get("theme", ""))
    return response


def style_guide(request: HttpRequest, row: int = 0) -> HttpResponse:
    """Every component on one page; only where DEBUG is on."""
    if not settings.DEBUG:
        raise Http404
    from opsportal.web import styleguide

    return render(request, "web/styleguide.html", styleguide.context(request))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400, "This request could not be read", "Go back and try once more, or start over.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = str(exception or "") or "Your role does not include this page. Somebody with the Ops lead role can help."
    return _error(request, 403, "Not open to you", sentence)


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    sentence = "The form had expired, or cookies are off. Go back, reload the page and send it again."
    return _error(request, 403, "The form was not accepted", sentence)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    sentence = "It may have moved, or it belongs to a team whose records you do not see."
    return _error(request, 404, "There is nothing at this address", sentence)


def failed(request: HttpRequest) -> HttpResponse:
    """Our own failure, or the database's, which passes. Drawn without context processors or database: those may be
    what failed.
    """
    passes = isinstance(sys.exc_info()[1], OperationalError | InterfaceError | TransactionManagementError)
    context = {"trace_id": trace.current_trace_id(), "status": 503 if passes else 500}
    answer = HttpResponse(loader.get_template("500.html").render(context), status=context["status"])
    if passes:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _error(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    context: dict[str, Any] = {"title": title, "sentence": sentence, "status": status}
    return render(request, "web/error.html", context, status=status)
