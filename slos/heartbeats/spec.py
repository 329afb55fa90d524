"""The body of a check as healthchecks.io's API takes it: the same fields, the same limits, the same refusals."""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from slos.heartbeats import engine
from slos.heartbeats.operations import OPTIONS
from slos.states import HeartbeatKind

UNIQUE = ("name", "slug", "tags", "timeout", "grace")
SLUG = re.compile(r"[a-z0-9-_]*")
# Their name -> our column.
COLUMNS = {
    "name": "name",
    "slug": "ping_slug",
    "tags": "tags",
    "desc": "description",
    "grace": "grace_seconds",
    "timeout": "timeout_seconds",
    "schedule": "schedule",
    "tz": "timezone",
}


class Refused(Exception):
    """What a client is told."""


Check = Callable[[str, Any], None]


def read(body: Any, *, version: int) -> dict[str, Any]:
    """The fields of a body, checked. What is not known is left alone, as the original does. Raises Refused."""
    if not isinstance(body, dict):
        raise Refused("json validation error: value is not an object")
    given = {name: body[name] for name in CHECKS if name in body}
    for name, value in given.items():
        CHECKS[name](name, value)
    if version < 3 and "name" in given and "slug" not in given:
        given["slug"] = _slugify(given["name"])
    return given


def columns(given: dict[str, Any]) -> dict[str, Any]:
    """The same as values of a heartbeat. A schedule wins over a timeout."""
    values = {column: given[name] for name, column in COLUMNS.items() if name in given}
    if given.get("schedule"):
        values["kind"] = engine.guess_kind(given["schedule"])
        values.pop("timeout_seconds", None)
    else:
        values.pop("schedule", None)
        if "timeout" in given:
            values["kind"] = HeartbeatKind.SIMPLE
    options = {name: given[name] for name in OPTIONS if name in given}
    if "subject" in given or "subject_fail" in given:  # the former names
        options |= {"success_kw": given["subject"]} if "subject" in given else {}
        options |= {"failure_kw": given["subject_fail"]} if "subject_fail" in given else {}
        options["filter_subject"] = bool(given.get("subject") or given.get("subject_fail"))
    return {**values, "options": options} if options else values


# --- checks, each raising Refused ---


def _refuse(name: str, what: str) -> None:
    raise Refused(f"json validation error: {name} {what}")


def _text(limit: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str):
            _refuse(name, "is not a string")
        elif len(value) > limit:
            _refuse(name, "is too long")
        elif not _is_storable(value):
            _refuse(name, "has unexpected value")

    return check


def _is_storable(value: str) -> bool:
    """PostgreSQL stores no NUL, UTF-8 no lone surrogate."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _slug(name: str, value: Any) -> None:
    _text(100)(name, value)
    if not SLUG.fullmatch(value):
        _refuse(name, "does not match pattern")


def _seconds(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(name, "is not a number")
    elif value < engine.MIN_SECONDS:
        _refuse(name, "is too small")
    elif value > engine.MAX_SECONDS:
        _refuse(name, "is too large")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        _refuse(name, "is not a boolean")


def _methods(name: str, value: Any) -> None:
    if not isinstance(value, str):
        _refuse(name, "is not a string")
    elif value not in ("", "POST"):
        _refuse(name, "has unexpected value")


def _schedule(name: str, value: Any) -> None:
    _text(1000)(name, value)
    try:
        engine.check_schedule(engine.guess_kind(value), value)
    except ValueError:
        _refuse(name, "is not a valid cron or OnCalendar expression")


def _zone(name: str, value: Any) -> None:
    _text(60)(name, value)
    if value not in available_timezones():
        _refuse(name, "is not a valid timezone")


def _unique(name: str, value: Any) -> None:
    if not isinstance(value, list):
        _refuse(name, "is not an array")
    if any(one not in UNIQUE for one in value):
        raise Refused(f"json validation error: an item in '{name}' has unexpected value")


def _channels(name: str, value: Any) -> None:
    """There are none here: `*` and nothing name all of them."""
    _text(10_000)(name, value)
    if value not in ("", "*"):
        first = value.split(",")[0]
        raise Refused(f"invalid channel identifier: {first}" if first else "empty channel identifier")


def _slugify(name: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^a-z0-9_\s-]", "", name.lower())).strip("-_")[:100]


KEYWORDS = ("start_kw", "success_kw", "failure_kw", "subject", "subject_fail")
FLAGS = ("manual_resume", *(name for name in OPTIONS if name.startswith("filter_")))
CHECKS: dict[str, Check] = {
    "name": _text(100),
    "slug": _slug,
    "tags": _text(500),
    "desc": _text(2000),
    "timeout": _seconds,
    "grace": _seconds,
    "schedule": _schedule,
    "tz": _zone,
    "methods": _methods,
    "channels": _channels,
    "unique": _unique,
    **dict.fromkeys(KEYWORDS, _text(200)),
    **dict.fromkeys(FLAGS, _flag),
}
