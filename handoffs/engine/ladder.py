"""Consequence ladders, segments and event matchers: data read from outside, every fault named at its place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsportal.errors import InvalidInput, InvalidInputs

MARK_BREACHED = "mark_breached"
ACTIONS = (
    "alert_owner",
    "alert_backup",
    MARK_BREACHED,
    "reassign_to_backup",
    "notify_both",
    "notify_manager",
    "escalate",
)
DEFAULT_STAGES: list[dict[str, Any]] = [
    {"percent": 100, "actions": ["alert_owner"]},
    {"percent": 200, "actions": [MARK_BREACHED, "reassign_to_backup", "notify_both"]},
    {"percent": 300, "actions": ["notify_manager", "escalate"]},
]
BREACH_PERCENT, MAX_PERCENT, MAX_STAGES, MAX_SEGMENTS = 200, 10_000, 20, 50
MAX_SLA_MINUTES = 525_600 * 2


@dataclass(frozen=True, slots=True)
class Stage:
    """`actions` are taken when A reaches `percent` of the timer."""

    percent: int
    actions: tuple[str, ...]


def read_stages(raw: Any) -> list[dict[str, Any]]:
    """The ladder as stored. Raises InvalidInputs: fields `stages`, `stages.1.percent`, `stages.1.actions`."""
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not 1 <= len(raw) <= MAX_STAGES:
        raise InvalidInput("bad_stages", f"A ladder is a list of 1 to {MAX_STAGES} stages.", field="stages")
    faults: list[InvalidInput] = []
    stages = [_read_stage(f"stages.{index}", stage, faults) for index, stage in enumerate(raw)]
    if not faults:
        faults += _faults_of_ladder(stages)
    if faults:
        raise InvalidInputs(faults)
    return stages


def effective_stages(stages: Iterable[Mapping[str, Any]]) -> tuple[Stage, ...]:
    """The ladder as it runs: at 200% a record is breached whether or not the ladder says so."""
    ladder = {stage["percent"]: tuple(stage["actions"]) for stage in stages}
    if not any(MARK_BREACHED in actions for actions in ladder.values()):
        ladder[BREACH_PERCENT] = (MARK_BREACHED, *ladder.get(BREACH_PERCENT, ()))
    return tuple(Stage(percent, ladder[percent]) for percent in sorted(ladder))


def read_segments(raw: Any) -> list[dict[str, Any]]:
    """Timers for some channels or ICPs, first match wins. Raises InvalidInputs at `segments.0.sla_minutes` and the
    like.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) > MAX_SEGMENTS:
        raise InvalidInput("bad_segments", f"Segments are a list of at most {MAX_SEGMENTS}.", field="segments")
    faults: list[InvalidInput] = []
    segments = [_read_segment(f"segments.{index}", segment, faults) for index, segment in enumerate(raw)]
    if faults:
        raise InvalidInputs(faults)
    return segments


def choose_minutes(segments: Iterable[Mapping[str, Any]], default: int, *, channel: str, icp: str) -> int:
    """The timer of a record: that of the first segment whose channel and ICP fit, else the rule's own."""
    for segment in segments:
        if segment.get("channel", channel) == channel and segment.get("icp", icp) == icp:
            minutes: int = segment["sla_minutes"]
            return minutes
    return default


def read_matcher(field: str, raw: Any) -> dict[str, Any] | None:
    """Which events count: {event_name, lifecycle?, attributes?}, or nothing. Raises InvalidInput."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or set(raw) - {"event_name", "lifecycle", "attributes"}:
        raise InvalidInput("bad_matcher", "An event is named by event_name, lifecycle and attributes.", field=field)
    name, lifecycle, attributes = raw.get("event_name"), raw.get("lifecycle", ""), raw.get("attributes", {})
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise InvalidInput("bad_matcher", "An event needs its event_name.", field=f"{field}.event_name")
    if not isinstance(lifecycle, str) or len(lifecycle) > 60:
        raise InvalidInput("bad_matcher", "A lifecycle is a word of at most 60 letters.", field=f"{field}.lifecycle")
    if not isinstance(attributes, Mapping) or len(attributes) > 20:
        raise InvalidInput("bad_matcher", "Attributes are an object of at most 20.", field=f"{field}.attributes")
    matcher = {"event_name": name, "lifecycle": lifecycle, "attributes": dict(attributes)}
    return {key: value for key, value in matcher.items() if value}


def is_minutes(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SLA_MINUTES


def _read_stage(place: str, raw: Any, faults: list[InvalidInput]) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or set(raw) != {"percent", "actions"}:
        faults.append(InvalidInput("bad_stage", "A stage has percent and actions.", field=place))
        return {}
    percent, actions = raw["percent"], raw["actions"]
    if not isinstance(percent, int) or isinstance(percent, bool) or not 1 <= percent <= MAX_PERCENT:
        text = f"A stage stands at a whole percentage of the timer, 1 to {MAX_PERCENT}."
        faults.append(InvalidInput("bad_percent", text, field=f"{place}.percent"))
    if not isinstance(actions, Sequence) or isinstance(actions, str) or not actions:
        faults.append(InvalidInput("no_action", "A stage names at least one action.", field=f"{place}.actions"))
        return {}
    unknown = [str(action)[:40] for action in actions if not isinstance(action, str) or action not in ACTIONS]
    if unknown:
        text = f"“{unknown[0]}” is no action. There are: {', '.join(ACTIONS)}."
        faults.append(InvalidInput("unknown_action", text, field=f"{place}.actions"))
        return {}
    return {"percent": percent, "actions": list(dict.fromkeys(actions))}


def _faults_of_ladder(stages: Sequence[Mapping[str, Any]]) -> list[InvalidInput]:
    faults = []
    for index, stage in enumerate(stages):
        if index and stage["percent"] <= stages[index - 1]["percent"]:
            text = "Stages stand in order, each at a higher percentage than the one before."
            faults.append(InvalidInput("not_ascending", text, field=f"stages.{index}.percent"))
        if MARK_BREACHED in stage["actions"] and stage["percent"] < BREACH_PERCENT:
            text = f"A record is breached at {BREACH_PERCENT}% of its timer, not before."
            faults.append(InvalidInput("breach_too_early", text, field=f"stages.{index}.actions"))
    if not any(stage["percent"] >= 100 and set(stage["actions"]) - {MARK_BREACHED} for stage in stages):
        text = "A timer without a consequence is a wish: from 100% on, some stage must alert, reassign or escalate."
        faults.append(InvalidInput("no_consequence", text, field="stages"))
    return faults


def _read_segment(place: str, raw: Any, faults: list[InvalidInput]) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or set(raw) - {"channel", "icp", "sla_minutes"}:
        faults.append(InvalidInput("bad_segment", "A segment has channel or icp, and sla_minutes.", field=place))
        return {}
    kept = {key: raw[key] for key in ("channel", "icp") if raw.get(key)}
    if not kept or not all(isinstance(value, str) and len(value) <= 60 for value in kept.values()):
        faults.append(InvalidInput("bad_segment", "A segment names a channel, an ICP, or both.", field=place))
    if not is_minutes(raw.get("sla_minutes")):
        text = f"A timer is a whole number of minutes, 1 to {MAX_SLA_MINUTES}."
        faults.append(InvalidInput("bad_minutes", text, field=f"{place}.sla_minutes"))
    return {**kept, "sla_minutes": raw.get("sla_minutes")}
