"""Buttons that change something: POST only, one domain call, a sentence for the person, back to where they were."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from opsportal.errors import DomainError, Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Done:
    """What a button did, as a sentence, and where to go when that is not back. `tone`: good, calm, warn."""

    sentence: str
    url: str = ""
    tone: str = "good"


_LEVELS = {"good": messages.SUCCESS, "calm": messages.INFO, "warn": messages.WARNING, "bad": messages.ERROR}


def post_action(view: Callable[..., str | Done]) -> Callable[..., HttpResponse]:
    """Wrap a view that makes one domain call and returns the sentence to show (or a `Done`).

    A refusal of the domain becomes a message at the page; what may not be seen or done stays a 404 or 403.
    """

    @require_POST
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            outcome = view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.message) from error
        except Forbidden as error:
            raise PermissionDenied(error.message) from error
        except DomainError as error:
            outcome = Done(error.message, tone="bad")
        done = outcome if isinstance(outcome, Done) else Done(outcome)
        say(request, done)
        return HttpResponseRedirect(done.url or back(request))

    return wrapped


def say(request: HttpRequest, done: Done) -> None:
    """Show the sentence at the next page."""
    if done.sentence:
        messages.add_message(request, _LEVELS[done.tone], done.sentence)


def back(request: HttpRequest, default: str = "/") -> str:
    """The page to return to: `next` of the form, else the page the form stood on, never another site."""
    for candidate in (request.POST.get("next", ""), request.GET.get("next", ""), _referring_path(request)):
        if candidate and is_on_site(request, candidate):
            return candidate
    return default


def is_on_site(request: HttpRequest, url: str) -> bool:
    return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())


def _referring_path(request: HttpRequest) -> str:
    referrer = urlsplit(request.headers.get("Referer", ""))
    if referrer.netloc != request.get_host():
        return ""
    return referrer.path + (f"?{referrer.query}" if referrer.query else "")
