"""What pages say about handoffs and rules: tones, verdicts, ladders in plain words. No queries, no requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoffs import words
from handoffs.engine.clock import Verdict
from handoffs.engine.ladder import BREACH_PERCENT, Stage
from handoffs.models import Handoff
from handoffs.states import HandoffState, RuleMode, StopClock

STATE_TONES = {
    HandoffState.OPEN: "calm",
    HandoffState.PAUSED: "calm",
    HandoffState.RESPONDED: "good",
    HandoffState.COMPLETED: "good",
    HandoffState.CANCELLED: "calm",
}
ACTION_TONES = {
    "handoff.alerted": "warn",
    "handoff.breached": "bad",
    "handoff.nobody_left": "bad",
    "handoff.reassigned": "warn",
    "handoff.responded": "good",
    "handoff.completed": "good",
    "handoff.breach_corrected": "good",
}
MODE_TONES = {
    RuleMode.DRAFT: "calm",
    RuleMode.SHADOW: "warn",
    RuleMode.ACTIVE: "good",
    RuleMode.RETIRED: "calm",
}
MODE_SENTENCES = {
    RuleMode.DRAFT: "A draft: it starts no timers until it is let into shadow or activated.",
    RuleMode.SHADOW: "In shadow: it computes and shows, and nobody is told.",
    RuleMode.ACTIVE: "Active: it alerts and reassigns by itself.",
    RuleMode.RETIRED: "Retired: it starts no new timers; what runs under it runs to its end.",
}
ACTION_WORDS = {
    "alert_owner": "alert the owner",
    "alert_backup": "alert the backup",
    "mark_breached": "mark it breached",
    "reassign_to_backup": "reassign it to the backup",
    "notify_both": "tell both",
    "notify_manager": "tell the manager",
    "escalate": "hand it to whoever is on call",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One of at most four numbers of a page."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """A stage of a ladder as it is read: `after` in time, what happens, the share of the timer."""

    after: str
    sentence: str
    percent: int


def rungs(stages: Iterable[Stage], sla_minutes: int) -> list[Rung]:
    """The ladder of a timer, first stage first."""
    return [
        Rung(words.duration(sla_minutes * 60 * stage.percent // 100), actions_in_words(stage.actions), stage.percent)
        for stage in stages
    ]


def actions_in_words(actions: Iterable[str]) -> str:
    """`Alert the owner, then tell both.`"""
    said = [ACTION_WORDS[action] for action in actions]
    text = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    return f"{text[0].upper()}{text[1:]}."


def rule_in_words(*, name: str, minutes: int, stop_clock: str, calendar: str, stages: Iterable[Stage]) -> str:
    """The whole rule as one sentence: who has how long for what, and what happens when it runs out."""
    wanted = "a first response" if stop_clock == StopClock.FIRST_RESPONSE else "completion"
    steps = "; ".join(
        f"at {rung.after} {rung.sentence[0].lower()}{rung.sentence[1:-1]}" for rung in rungs(stages, minutes)
    )
    return f"{name}: every record gets {wanted} within {words.duration(minutes * 60)} of “{calendar}” time. {steps}."


def shadow_in_words(outcome: Mapping[str, Any], recipients: Iterable[str]) -> str:
    """What a stage in shadow would have done: "tell ana and ben, move it to ben, mark it breached"."""
    told = list(recipients)
    done = [f"tell {' and '.join(told)}"] if told else []
    if "owner_after" in outcome:
        done.append(f"move it to {outcome['owner_after']}")
    said = {"kept": "find nobody to take over", "breached": "mark it breached", "escalated": "ask the on-call side"}
    done += [text for key, text in said.items() if outcome.get(key)]
    return ", ".join(done) or "do nothing"


def state_badge(handoff: Handoff, verdict: Verdict) -> tuple[str, str]:
    """The word and tone at the head of a handoff's page."""
    if handoff.is_running and verdict.breached:
        return "breached", "bad"
    if handoff.is_running and verdict.missed:
        return "late", "bad"
    return handoff.state, STATE_TONES[HandoffState(handoff.state)]


def verdict_sentence(handoff: Handoff, verdict: Verdict, now: datetime) -> str:
    """What there is to know in five seconds."""
    timer, spent = words.duration(handoff.sla_minutes * 60), words.duration(verdict.elapsed_seconds)
    if handoff.state == HandoffState.CANCELLED:
        reason = f": {handoff.cancel_reason}" if handoff.cancel_reason else ""
        return f"It was cancelled{reason}. It does not count in the hit rate."
    if not handoff.is_running:
        within = "within" if not verdict.missed else "past"
        done = "answered" if handoff.stop_clock == StopClock.FIRST_RESPONSE else "completed"
        return f"It was {done} after {spent}, {within} its {timer}."
    return f"{_waiting(handoff, verdict, timer, spent)}{_shadow(handoff)}"


def figures_of(handoff: Handoff, verdict: Verdict) -> list[Figure]:
    """Timer, time spent, both verdicts."""
    share = verdict.elapsed_seconds * 100 // (handoff.sla_minutes * 60)
    tone = "bad" if verdict.missed else "warn" if share >= 75 else ""
    own = "set for this record" if handoff.sla_is_own else "from its rule"
    return [
        Figure("Timer", words.duration(handoff.sla_minutes * 60), own),
        Figure("Time spent", words.duration(verdict.elapsed_seconds), f"{share}% of the timer", tone),
        Figure(
            "Business clock",
            _hit(verdict.business_hit),
            "open hours only, pauses left out",
            _tone(verdict.business_hit),
        ),
        Figure("Wall clock", _hit(verdict.absolute_hit), "every minute counts", _tone(verdict.absolute_hit)),
    ]


def segment_in_words(segment: Mapping[str, Any]) -> tuple[str, str]:
    """`Channel web, ICP enterprise` and its timer."""
    who = [f"{label} {segment[key]}" for key, label in (("channel", "channel"), ("icp", "ICP")) if segment.get(key)]
    text = ", ".join(who) or "everything else"
    return f"{text[0].upper()}{text[1:]}", words.duration(segment["sla_minutes"] * 60)


def upcoming_sentence(percent: int, stage: Stage | None) -> str:
    """What the ladder does next when nobody acts."""
    actions = actions_in_words(stage.actions) if stage and stage.actions else "Mark it breached."
    return (
        f"If nobody acts: {actions[0].lower()}{actions[1:]}"
        if percent <= BREACH_PERCENT
        else f"Then: {actions[0].lower()}{actions[1:]}"
    )


def _waiting(handoff: Handoff, verdict: Verdict, timer: str, spent: str) -> str:
    owner = f"{handoff.owner} owns it" if handoff.owner else "Nobody owns it yet"
    wait = words.waits_for(handoff.stop_clock)
    if handoff.state == HandoffState.PAUSED:
        return f"{owner}. Its clock is held at {spent} of {timer}."
    if verdict.missed:
        return f"{owner}. It has waited {spent} for {wait}; {timer} were allowed."
    return f"{owner}. It waits for {wait}: {spent} of {timer} are spent."


def _shadow(handoff: Handoff) -> str:
    if handoff.shadow:
        return " Its rule runs in shadow, so nobody is told."
    return " It is history sent in later, so nothing is done about it." if handoff.historical else ""


def _hit(hit: bool | None) -> str:
    return "open" if hit is None else "in time" if hit else "missed"


def _tone(hit: bool | None) -> str:
    return "" if hit is None else "good" if hit else "bad"
