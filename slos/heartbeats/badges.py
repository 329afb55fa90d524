"""Badges: one picture, or one line of JSON, that says whether the heartbeats of a tag are up. Public by address."""

from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.signing import base64_hmac
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare

from opsportal import clock
from slos.heartbeats.queries import status_of
from slos.models import Heartbeat
from slos.states import HeartbeatStatus

FORMATS = ("svg", "json", "shields")
COLOURS = {"up": "#4c1", "late": "#fe7d37", "down": "#e05d44"}
SHIELDS = {"up": "success", "late": "important", "down": "critical"}
ALL, ALL_LABEL = "*", "opsportal"
TWO_STATES = "-2"
# Widths of characters in the badge's font, in pixels; the others are 7 wide.
NARROW, WIDE = dict.fromkeys("ijlI.,:;|! ", 4), dict.fromkeys("mwMW", 10)


def addresses(badge_key: UUID, tag: str) -> dict[str, str]:
    """The six addresses of a tag: with two states, and (…3) with three."""
    found = {}
    for fmt in FORMATS:
        for ending, mark in (("", TWO_STATES), ("3", "")):
            end = "" if tag == ALL else f"/{quote(tag, safe='')}"
            found[fmt + ending] = f"{settings.BASE_URL}/badge/{badge_key}/{_signature(badge_key, tag)}{mark}{end}.{fmt}"
    return found


def _signature(badge_key: UUID, tag: str) -> str:
    return base64_hmac(f"badge:{badge_key}", tag, settings.SECRET_KEY)[:8]


@login_not_required
def badge(request: HttpRequest, badge_key: UUID, signature: str, fmt: str, tag: str = ALL) -> HttpResponse:
    """The badge of a tag of a project, or of all of it."""
    tag = unquote(tag)
    if fmt not in FORMATS or not constant_time_compare(signature[:8], _signature(badge_key, tag)):
        return HttpResponse("not found", status=404, content_type="text/plain")
    rows = Heartbeat.objects.with_runs().filter(integration__ping_project__badge_key=badge_key)
    counted = [row for row in rows if tag == ALL or tag in row.tags.split()]
    label = ALL_LABEL if tag == ALL else tag
    two = len(signature) == 10 and signature.endswith(TWO_STATES)
    return _shown(request, label, counted, fmt, three=not two, now=clock.now())


@login_not_required
def one_badge(request: HttpRequest, states: int, badge_key: UUID, fmt: str) -> HttpResponse:
    """The badge of one heartbeat."""
    heartbeat = Heartbeat.objects.with_runs().filter(badge_key=badge_key).first()
    if heartbeat is None or fmt not in FORMATS or states not in (2, 3):
        return HttpResponse("not found", status=404, content_type="text/plain")
    return _shown(request, str(heartbeat), [heartbeat], fmt, three=states == 3, now=clock.now())


def _shown(
    request: HttpRequest, label: str, heartbeats: list[Heartbeat], fmt: str, *, three: bool, now: datetime
) -> HttpResponse:
    known = [status_of(one, now) for one in heartbeats]
    down = known.count(HeartbeatStatus.DOWN)
    late = known.count(HeartbeatStatus.LATE) + known.count(HeartbeatStatus.UNKNOWN)
    word = "down" if down else "late" if late and three else "up"
    answer: HttpResponse
    if fmt == "json":
        answer = JsonResponse({"status": word, "total": len(known), "grace": late, "down": down})
    elif fmt == "shields":
        answer = JsonResponse({"schemaVersion": 1, "label": label, "message": word, "color": SHIELDS[word]})
    else:
        answer = render(request, "slos/heartbeats_badge.svg", _drawn(label, word), content_type="image/svg+xml")
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Cache-Control"] = "no-cache, max-age=0"
    return answer


def _drawn(label: str, word: str) -> dict[str, Any]:
    left, right = _width(label) + 10, _width(word) + 10
    return {
        "label": label,
        "word": word,
        "colour": COLOURS[word],
        "left": left,
        "right": right,
        "width": left + right,
        "label_at": left / 2,
        "word_at": left + right / 2,
    }


def _width(text: str) -> int:
    return sum({**NARROW, **WIDE}.get(character, 7) for character in text)
