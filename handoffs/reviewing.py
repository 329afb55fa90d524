"""The weekly review in words and as the API tells it: one reading of `queries.review` for page, API and print."""

from collections.abc import Iterator
from typing import Any

from handoffs.engine.weeks import Week
from handoffs.models import Handoff
from handoffs.queries.review import Overrun, Review, RuleWeek, Some
from handoffs.queries.silence import SilentStage
from handoffs.timers import spell_instant
from opsportal.audit.sentences import sentence
from opsportal.web import words


def headline(review: Review) -> str:
    """The verdict on the week."""
    if not review.overran:
        started = sum(one.started for one in review.rules)
        so_far = " so far" if review.is_running else ""
        return f"Nothing ran past its timer{so_far}; {words.count(started, 'handoff')} started."
    parts = [f"{words.count(review.overran, 'handoff')} ran past their timer", f"{review.breached} of them breached"]
    parts.append(_untagged(review))
    return f"{', '.join(parts)}."


def days(week: Week) -> str:
    """ "16 – 22 Nov 2026" """
    first, last = week.from_at, week.after.from_at.replace(hour=0)
    last = last - (week.until - week.from_at) / 7
    start = f"{first.day} {first:%b}" if first.month != last.month else f"{first.day}"
    return f"{start} – {last.day} {last:%b %Y}"


def against_last_week(review: Review) -> list[str]:
    """This week beside the one before, a sentence for each rule that has something to compare."""
    return [_compared(one) for one in review.rules if one.overran or one.overran_before]


def silence(stage: SilentStage) -> str:
    """ "7 of 9 times nobody did anything before the next stage." """
    return f"{stage.silent} of {words.count(stage.fired, 'time')} nothing was done before the next stage."


def review_data(review: Review) -> dict[str, Any]:
    """The shape of the API. `breaches` are at most 500, breached ones first; the counts are of all."""
    return {
        "week": str(review.week),
        "from": spell_instant(review.week.from_at),
        "to": spell_instant(review.week.until),
        "at": spell_instant(review.until),
        "rule": review.rule.slug if review.rule else None,
        "sentence": headline(review),
        "overran": review.overran,
        "breached": review.breached,
        "untagged": review.untagged,
        "untagged_before": review.untagged_before,
        "breaches": [overrun_data(one) for one in review.overruns],
        "reasons": [
            {"breach_reason": one.text, "listed": one.is_listed, "count": one.records, "breached": one.breached}
            for one in review.reasons
        ],
        "top_reason": review.top_reason.text if review.top_reason else None,
        "top_handoffs": [str(one.handoff.pk) for one in review.top_records],
        "rules": [_rule_data(one) for one in review.rules],
        "against_last_week": against_last_week(review),
        "without_effect": [_silence_data(one) for one in review.silent],
        "idle_rules": [one.rule.slug for one in review.idle_rules],
        "changes": [
            {"at": spell_instant(one.at), "action": one.action, "sentence": sentence(one)} for one in review.changes
        ],
        "earlier_cycles": [
            {"handoff": str(one.handoff_id), "cycle": one.cycle, "breached": one.breached}
            for one in review.earlier_cycles
        ],
        "missing_backup": _some_data(review.missing_backup),
        "late_arrivals": _some_data(review.late_arrivals),
        "historical_open": _some_data(review.historical_open),
    }


def overrun_data(one: Overrun) -> dict[str, Any]:
    """A record that ran past its timer, as API and CSV tell it."""
    record = one.handoff
    return {
        "id": str(record.pk),
        "subject": record.subject,
        "rule": record.rule.slug,
        "owner": record.owner.username if record.owner else None,
        "state": record.state,
        "breached": one.breached,
        "ran_out_at": spell_instant(one.ran_out_at),
        "started_at": spell_instant(record.started_at),
        "stopped_at": spell_instant(record.stopped_at),
        "breach_reason": one.text,
        "reason": one.reason.slug if one.reason else None,
        "channel": record.channel,
        "icp": record.icp,
        "external_ref": record.external_ref,
        "historical": record.historical,
        "trace_id": record.trace_id,
    }


CSV_COLUMNS = (
    "subject", "rule", "owner", "state", "breached", "ran_out_at", "started_at", "stopped_at", "breach_reason",
    "channel", "icp", "external_ref", "historical", "trace_id", "id",
)  # fmt: skip


def csv_rows(overruns: list[Overrun]) -> Iterator[list[Any]]:
    for one in overruns:
        said = overrun_data(one)
        yield [said[name] for name in CSV_COLUMNS]


def _untagged(review: Review) -> str:
    if not review.untagged:
        return "each with a reason"
    return f"{review.untagged} still without a reason"


def _compared(one: RuleWeek) -> str:
    by = one.overran - one.overran_before
    change = "as many as" if not by else f"{abs(by)} {'more' if by > 0 else 'fewer'} than"
    breached = f"{one.breached} breached, {one.breached_before} then" if one.breached or one.breached_before else ""
    tail = f"; {breached}" if breached else ""
    return f"{one.rule.name}: {one.overran} ran past the timer, {change} the week before ({one.overran_before}){tail}."


def _rule_data(one: RuleWeek) -> dict[str, Any]:
    names = ("started", "overran", "breached", "untagged", "started_before", "overran_before", "breached_before")
    return {"rule": one.rule.slug, **{name: getattr(one, name) for name in names}}


def _silence_data(one: SilentStage) -> dict[str, Any]:
    return {
        "rule": one.rule.slug,
        "percent": one.percent,
        "fired": one.fired,
        "without_effect": one.silent,
        "share": f"{one.share:.4f}",
        "candidate": one.is_candidate,
    }


def _some_data(some: Some) -> dict[str, Any]:
    return {"count": some.count, "handoffs": [_handoff_data(one) for one in some.handoffs]}


def _handoff_data(handoff: Handoff) -> dict[str, str]:
    return {"id": str(handoff.pk), "subject": handoff.subject, "rule": handoff.rule.slug}
