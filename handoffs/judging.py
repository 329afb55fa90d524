"""What-if and calendar checks in words and as the API tells them. No requests, no queries."""

from typing import Any

from handoffs.engine.plausibility import Shift
from handoffs.engine.rates import Rate, rate_of
from handoffs.engine.what_if import Outcome
from handoffs.queries.plausibility import CalendarCheck
from handoffs.queries.what_if import WhatIf
from handoffs.timers import spell_instant
from opsportal.calendars.engine.definition import clock_time
from opsportal.web import words

SUMS = ("alerted", "reassigned", "kept", "escalated", "breached", "missed", "pending")


def business(outcome: Outcome) -> Rate:
    return rate_of(outcome.business_hits, outcome.business_evaluated)


def absolute(outcome: Outcome) -> Rate:
    return rate_of(outcome.absolute_hits, outcome.absolute_evaluated)


def percent(rate: Rate) -> str:
    """ "81.4%", or "–" where nothing was evaluated."""
    return "–" if rate.rate is None else f"{rate.rate * 100:.1f}%"


def what_if_sentence(found: WhatIf) -> str:
    """ "It would have alerted 41 instead of 60, reassigned 9 instead of 14; business rate 81.0 % -> 88.2 %." """
    before, after = found.comparison.before, found.comparison.after
    if not before.n:
        return "No record of this rule began in that time, so there is nothing to judge."
    records = words.count(before.n, "record")
    rates = f"{percent(business(before))} → {percent(business(after))}"
    if found.terms.is_empty:
        said = f"{before.alerted:,} alerted, {before.reassigned:,} reassigned, {before.breached:,} breached"
        return f"As it was, by the book, over {records}: {said}; business rate {percent(business(before))}."
    said = ", ".join(
        f"{name} {getattr(after, name):,} instead of {getattr(before, name):,}" for name in ("alerted", "reassigned")
    )
    breached = f"{after.breached:,} breached instead of {before.breached:,}"
    return f"Over {records} it would have {said}; {breached}; business rate {rates}."


def what_if_data(found: WhatIf) -> dict[str, Any]:
    terms = found.terms
    return {
        "rule": found.rule.slug,
        "from": spell_instant(found.from_at),
        "to": spell_instant(found.until),
        "sla_minutes": terms.sla_minutes,
        "calendar": terms.calendar.slug if terms.calendar else None,
        "percents": list(terms.percents) if terms.percents is not None else None,
        "records": found.records,
        "cut": found.is_cut,
        "kept_own_timer": found.kept_own,
        "newly_hit": found.comparison.newly_hit,
        "newly_missed": found.comparison.newly_missed,
        "before": outcome_data(found.comparison.before),
        "after": outcome_data(found.comparison.after),
        "sentence": what_if_sentence(found),
    }


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "n": outcome.n,
        **{name: getattr(outcome, name) for name in SUMS},
        "cancelled": outcome.cancelled,
        "business": rate_data(business(outcome)),
        "absolute": rate_data(absolute(outcome)),
        "stages": [
            {
                "percent": one.percent,
                "actions": list(one.actions),
                "fired": one.fired,
                "answered_before": one.answered_before,
                "cancelled_before": one.cancelled_before,
                "not_yet": one.not_yet,
            }
            for one in outcome.ladder()
        ],
    }


def rate_data(rate: Rate) -> dict[str, Any]:
    shares = {name: getattr(rate, name) for name in ("rate", "low", "high")}
    spelled = {name: None if share is None else str(share) for name, share in shares.items()}
    return {"hits": rate.hits, "evaluated": rate.evaluated, **spelled}


def check_data(check: CalendarCheck) -> dict[str, Any]:
    found, (tone, sentence) = check.found, check.verdict
    return {
        "rule": check.rule.slug,
        "calendar": check.version.calendar.slug,
        "version": check.version.number,
        "timezone": check.version.timezone,
        "from": spell_instant(check.from_at),
        "to": spell_instant(check.until),
        "records": check.records,
        "cut": check.is_cut,
        "answers": found.answers,
        "unknown": check.unknown,
        "outside": found.outside,
        "share": f"{found.share:.6f}",
        "weekdays": [
            {
                "day": day.name[:3].lower(),
                "opening": minute(day.opening),
                "first_active": minute(day.first_active),
                "answers": day.answers,
                "before": day.before,
                "after": day.after,
                "between": day.between,
                "dates": day.dates,
            }
            for day in found.weekdays
        ],
        "shifts": [{"minutes": one.minutes, **rate_data(rate_of_shift(one))} for one in found.shifts],
        "tone": tone,
        "sentence": sentence,
    }


def rate_of_shift(one: Shift) -> Rate:
    return rate_of(one.hits, one.evaluated)


def minute(value: int | None) -> str | None:
    return None if value is None else clock_time(value)
