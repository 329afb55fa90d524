"""Rules, verdicts and freezes in plain words."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from opsportal.catalog.models import Freeze
from opsportal.web import words
from slos.policy import engine
from slos.policy.engine import Outcome, spell
from slos.policy.rules import Rule, Then, Verdict, When

SCOPES = {
    "all": "all automations",
    "team": "the automations of the owner's team",
    "automation": "the automation itself",
}
VERDICTS = {
    Verdict.FREEZE: "freeze",
    Verdict.REVIEW: "leadership review",
    Verdict.EXPERIMENT_ALLOWED: "experiments allowed",
    Verdict.NONE: "nothing follows",
    Verdict.FREEZE_ENDED: "freeze over",
}
TONES = {
    Verdict.FREEZE: "bad",
    Verdict.REVIEW: "warn",
    Verdict.EXPERIMENT_ALLOWED: "good",
    Verdict.NONE: "calm",
    Verdict.FREEZE_ENDED: "good",
}
UNITS = {"month": "month", "quarter": "quarter", "year": "year"}


def rule(rule: Rule) -> str:
    """The rule as one sentence: what it looks at, what follows, how that ends."""
    return f"{_when(rule)}, {_then(rule)}."


def _when(rule: Rule) -> str:
    if rule.when is When.BURN_DAYS:
        return f"When the error budget burns at more than {spell(rule.above)} times its pace on {_in_a_row(rule.days)}"
    if rule.when is When.POOLED_BURN:
        span = words.count(rule.days, "day")
        return f"When it burns at more than {spell(rule.above)} times its pace over {span} together"
    if rule.when is When.HEALTHY_WEEKS:
        pace = "its pace" if rule.below == 1 else f"{spell(rule.below)} times its pace"
        return f"When it burns below {pace} in each of {words.count(rule.weeks, 'complete week')} in a row"
    return f"When the minutes of downtime allowed in a calendar {rule.unit} are used up"


def _in_a_row(days: int) -> str:
    return "a complete day" if days == 1 else f"each of {days} complete days in a row"


def _then(rule: Rule) -> str:
    if rule.then is Then.REVIEW:
        return "leadership reviews it and the team spends a sprint on stability"
    if rule.then is Then.EXPERIMENT:
        return "experiments are allowed"
    return f"new features and experiments of {SCOPES[rule.scope]} wait until {_end(rule)}"


def _end(rule: Rule) -> str:
    latest = f"at the latest {words.count(rule.expires_days, 'day')} later"
    if rule.when is When.DOWNTIME_BUDGET:
        return f"{_percent(spell(rule.exit_remaining * 100))} of it remain again or a new {rule.unit} begins, {latest}"
    return f"it has burnt below {spell(rule.exit_below)} for {words.count(rule.exit_days, 'complete day')}, {latest}"


def verdict(rule: Rule, outcome: Outcome, name: str) -> str:
    """What a rule said of an SLO, with the figures it rests on."""
    evidence = outcome.evidence
    if outcome.held:
        standing = "" if outcome.verdict is Verdict.NONE else f" {VERDICTS[outcome.verdict].capitalize()} stands on."
        return f"{name}: {_no_data(evidence)}, so nothing was decided.{standing}"
    told = {
        When.BURN_DAYS: _told_days,
        When.POOLED_BURN: _told_span,
        When.HEALTHY_WEEKS: _told_weeks,
        When.DOWNTIME_BUDGET: _told_unit,
    }[rule.when](evidence, outcome.verdict is not Verdict.NONE)
    return f"{name}: {told}."


def ending(rule: Rule, outcome: Outcome, name: str) -> str:
    """Why a freeze is over, or what it still waits for."""
    evidence = outcome.evidence
    if "new_unit" in evidence:
        return f"{name}: a new {rule.unit} began on {_date(evidence['new_unit'])}."
    if "remaining" in evidence:
        left = f"{_percent(_hundredfold(evidence['remaining']))} of the {rule.unit}'s downtime budget remain"
        return f"{name}: {left}, {_percent(_hundredfold(evidence['needed']))} are needed."
    if "streak" not in evidence:
        return f"{name}: nothing was measured."
    calm = words.count(len(evidence["streak"]), "complete day")
    return f"{name}: {calm} below a burn of {evidence['below']}, {evidence['days']} are needed."


def _told_days(evidence: dict[str, Any], fired: bool) -> str:
    days, needed = evidence["streak"], evidence["days"]
    if not days:
        return f"the last complete day burnt at {evidence['above']} or less"
    shown = ", ".join(f"{_rate(one['burn'], evidence['above'])} on {_date(one['from'])}" for one in days[-5:])
    count = words.count(len(days), "complete day")
    return f"{count} in a row above a burn of {evidence['above']} ({shown})" + (
        "" if fired else f", {needed} are needed"
    )


def _told_span(evidence: dict[str, Any], fired: bool) -> str:
    is_above = "above" if fired else "not above"
    burn, span = _rate(evidence["burn"], evidence["above"]), words.count(evidence["days"], "day")
    return f"a burn of {burn} over {span}, {is_above} {evidence['above']}"


def _told_weeks(evidence: dict[str, Any], fired: bool) -> str:
    count = words.count(len(evidence["streak"]), "complete week")
    needed = "" if fired else f", {evidence['weeks']} are needed"
    return f"{count} in a row below a burn of {evidence['below']}{needed}"


def _told_unit(evidence: dict[str, Any], fired: bool) -> str:
    spent = f"{evidence['used_minutes']} of {evidence['allowed_minutes']} minutes of downtime used"
    return f"{spent} since {_date(evidence['from'])}" + (", nothing remains" if fired else "")


def _no_data(evidence: dict[str, Any]) -> str:
    if "events" in evidence:
        return f"{evidence['events']} of {evidence['needed']} events that a verdict needs"
    data = str(evidence.get("data", "no data"))
    return "no data on this day" if data == engine.NONE_THAT_DAY else data


EVIDENCE = {
    "above": "Acts above a burn of",
    "below": "Acts below a burn of",
    "days": "Days it asks for",
    "weeks": "Weeks it asks for",
    "valid": "Counted",
    "burn": "Burn found",
    "newest": "Burn in the newest week",
    "gaps": "Days without data",
    "data": "Data",
    "events": "Events",
    "needed": "Needed",
    "used_minutes": "Downtime used, minutes",
    "allowed_minutes": "Downtime allowed, minutes",
}


def evidence(found: dict[str, Any], *, counts_time: bool) -> list[tuple[str, str]]:
    """What a verdict rests on, besides the days or weeks that count."""
    told = [(name, value) for name, value in found.items() if name != "streak" and value not in (None, [])]
    return [
        (EVIDENCE.get(name, name.replace("_", " ").capitalize()), _value(name, value, counts_time))
        for name, value in told
    ]


def _value(name: str, value: Any, counts_time: bool) -> str:
    if name in ("bad", "valid"):
        return amount(value, counts_time=counts_time)
    if isinstance(value, list):
        return ", ".join(map(_date, value))
    return _date(value) if name in ("from", "new_unit") else str(value)


def amount(value: int, *, counts_time: bool) -> str:
    """Of what is counted: seconds as a length, events as a number."""
    return _length(value) if counts_time else f"{value:,}"


def _length(seconds: int) -> str:
    """In words where these leave nothing out."""
    if not seconds:
        return "–"
    is_whole = seconds % words.HOUR == 0 or (seconds < words.DAY and seconds % words.MINUTE == 0)
    return words.duration(seconds) if is_whole else f"{seconds:,} s"


def streak(found: dict[str, Any], *, counts_time: bool) -> list[tuple[str, str, str, str]]:
    """The days or weeks that count: when, burn, bad, of how much."""
    return [
        (
            one["from"],
            one["burn"],
            amount(one["bad"], counts_time=counts_time),
            amount(one["valid"], counts_time=counts_time),
        )
        for one in found.get("streak", [])
    ]


def readings(inputs: dict[str, Any]) -> list[tuple[str, ...]]:
    """Everything a rule looked at: when, counted, bad, and what was not seen, left out, and how long it was."""
    is_time = inputs["counts_time"]
    return [
        (
            first,
            amount(valid, counts_time=is_time),
            amount(bad, counts_time=is_time),
            *map(_length, rest),
        )
        for first, valid, bad, *rest in inputs.get("readings", [])
    ]


def freeze_reason(sentence: str) -> str:
    """The reason as the gate tells it: at most 240 characters."""
    return sentence if len(sentence) <= 240 else sentence[:239] + "…"


def scope_of(freeze: Freeze) -> str:
    """What a freeze covers."""
    if freeze.scope == Freeze.Scope.TEAM:
        return f"the automations of {freeze.team}"
    return str(freeze.automation) if freeze.scope == Freeze.Scope.AUTOMATION else "all automations"


def others(found: Iterable[tuple[Freeze, int]]) -> list[str]:
    """What other freezes hold back of the same, a sentence each."""
    return [
        f"Freeze {one.pk} of {scope_of(one)} still holds {words.count(count, 'automation')} back "
        f"until {words.utc(one.until)}."
        for one, count in found
    ]


def _rate(burn: str, limit: str) -> str:
    """Two places, and all of them where two would read like the limit itself."""
    rounded = f"{float(burn):.2f}".rstrip("0").rstrip(".")
    return burn if rounded == limit else rounded


def _percent(number: str) -> str:
    return f"{number}%"


def _hundredfold(text: str) -> str:
    return f"{float(text) * 100:.2f}".rstrip("0").rstrip(".")


def _date(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b}"
