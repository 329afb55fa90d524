"""Objectives in plain words: what is promised, what may be bad, which stretch is left out."""

from datetime import datetime
from decimal import Decimal

from opsportal.identity.models import Team
from opsportal.web import words
from slos.models import Exclusion
from slos.objectives import thresholds
from slos.objectives.definition import Definition
from slos.objectives.thresholds import plain
from slos.states import SliKind, SliMethod

EVENTS = {
    SliKind.AVAILABILITY: "runs",
    SliKind.LATENCY: "runs",
    SliKind.FRESHNESS: "runs",
    SliKind.HIT_RATE: "handoffs",
}


def in_words(one: Definition) -> str:
    """The definition as sentences somebody can agree or disagree with."""
    return f"{_promise(one)} {_allowance(one)}"


def window_in_words(one: Definition) -> str:
    """`over 28 days`, `in each calendar week (Europe/Berlin)`."""
    if one.window_kind == "rolling":
        return f"over {words.count(one.window_days or 0, 'day')}"
    zone = "" if one.timezone == "UTC" else f" ({one.timezone})"
    return f"in each calendar {one.window_unit}{zone}"


def method_in_words(method: str) -> str:
    return {"occurrences": "by events", "time_slices": "by slices of time", "downtime": "by downtime"}[method]


def duration(milliseconds: int) -> str:
    return words.duration(milliseconds / 1_000) if milliseconds >= 1_000 else f"{milliseconds} ms"


def span(from_at: datetime, until: datetime) -> str:
    """`2026-11-03 22:00 to 23:30 UTC`"""
    end = f"{until:%H:%M}" if from_at.date() == until.date() else f"{until:%Y-%m-%d %H:%M}"
    return f"{from_at:%Y-%m-%d %H:%M} to {end} UTC"


def team_of(exclusion: Exclusion) -> Team | None:
    """The team of what the stretch is left out of."""
    automation = exclusion.automation or (exclusion.slo.automation if exclusion.slo else None)
    if automation is not None:
        return automation.team
    return exclusion.slo.team if exclusion.slo else None


def _promise(one: Definition) -> str:
    percent, window = f"{plain(one.target)}%", window_in_words(one)
    if one.kind == SliKind.COMPOSITE:
        parts = ", ".join(f"{part.slo.name} ({plain(part.weight)})" for part in one.parts)
        return f"{percent} {window}, weighted from {parts}."
    if one.method == SliMethod.DOWNTIME:
        return f"{_subject(one)} is up {percent} of the time {window}. {_down(one)}"
    if one.method == SliMethod.TIME_SLICES:
        length = words.duration(one.slice_seconds or 0)
        return f"{percent} of the slices of {length} are good {window}. A slice is good when {_slice(one)}."
    return f"{percent} of the {EVENTS[SliKind(one.kind)]} of {_subject(one)} {_good(one)}, {window}."


def _good(one: Definition) -> str:
    """What a good event does."""
    limit = duration(one.threshold_ms or 0)
    return {
        SliKind.AVAILABILITY: "succeed",
        SliKind.LATENCY: f"take at most {limit}",
        SliKind.FRESHNESS: f"are through within {limit} of what set them off",
        SliKind.HIT_RATE: "are dealt with within their timer",
    }[SliKind(one.kind)]


def _slice(one: Definition) -> str:
    return f"at least {plain(one.slice_target or Decimal(0))}% of its runs {_good(one)}"


def _down(one: Definition) -> str:
    if one.kind == SliKind.HEARTBEAT:
        return "It is down from when a ping is due until the next one."
    if one.kind == SliKind.LATENCY:
        return f"It is down for what its runs take beyond {duration(one.threshold_ms or 0)}."
    if one.kind == SliKind.FRESHNESS:
        return f"It is down while its results lag more than {duration(one.threshold_ms or 0)} behind."
    rules = []
    if one.max_run_seconds:
        rules.append(f"while a run takes longer than {words.duration(one.max_run_seconds)}")
    if one.consecutive_failures:
        failures = words.count(one.consecutive_failures, "failure")
        rules.append(f"from the first of {failures} in a row until the next success")
    rules.append("while its heartbeat is overdue")
    return f"It is down {', '.join(rules[:-1])}{', and ' if len(rules) > 1 else ''}{rules[-1]}."


def _subject(one: Definition) -> str:
    return str(one.heartbeat or one.rule or one.automation or "it")


def _allowance(one: Definition) -> str:
    share = 100 - one.target
    if one.kind != SliKind.COMPOSITE and one.method == SliMethod.OCCURRENCES:
        return f"So {plain(share * 10)} in 1,000 may be bad."
    days = thresholds.window_days_of(one.window_kind, one.window_days, one.window_unit)
    minutes = share * days * 1_440 / 100
    about = "" if one.window_kind == "rolling" or one.window_unit == "week" else "about "
    return f"So {about}{plain(minutes.quantize(Decimal('0.1')))} minutes of {words.count(days, 'day')} may be bad."
