"""The rhythm a workflow's schedule promises, as a heartbeat would be set up: read from the schedule nodes of n8n.

n8n leaves out parameters that have their default, so the defaults of its Schedule Trigger stand here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError

SCHEDULE, CRON, INTERVAL = (
    "n8n-nodes-base.scheduleTrigger",
    "n8n-nodes-base.cron",
    "n8n-nodes-base.interval",
)
NODE_TYPES = (SCHEDULE, CRON, INTERVAL)
UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800, "months": 31 * 86400}
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001 - wall-clock arithmetic of a cron expression, in no zone
# How far a cron expression is looked at for its longest pause: two months, and a week of it minute by minute.
LOOKED_AT, MOST_FIRES, FEWEST_FIRES = timedelta(days=62), 12_000, 3


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`kind` simple (every `period_seconds`) or cron (`schedule`, five fields). `period_seconds` is the longest time
    between two starts. `timezone` is empty where the workflow leaves it to its server.
    """

    kind: str
    schedule: str
    timezone: str
    period_seconds: int
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rhythm_of(nodes: list[Mapping[str, Any]], timezone: str) -> Rhythm | None:
    """The rhythm of all enabled schedule nodes together, or None.

    Several schedules start it at least as often as the most frequent of them alone.
    """
    found = [rule for node in nodes for rule in _rules(node, timezone)]
    if not found:
        return None
    best = min(found, key=lambda rule: rule.period_seconds)
    if len(found) == 1:
        return best
    sentence = f"{len(found)} schedules, the most frequent of them {best.sentence}"
    return Rhythm("simple", "", timezone, best.period_seconds, sentence)


def _rules(node: Mapping[str, Any], timezone: str) -> Iterator[Rhythm]:
    parameters = node.get("parameters")
    said = parameters if isinstance(parameters, Mapping) else {}
    if node.get("type") == INTERVAL:
        rules = [_every(_number(said, "interval", 1), str(said.get("unit", "seconds")), timezone)]
    elif node.get("type") == CRON:
        rules = [_legacy(item, timezone) for item in _items(said.get("triggerTimes"), "item")]
    else:
        rules = [_interval(item, timezone) for item in _items(said.get("rule", {"interval": [{}]}), "interval")]
    return (rule for rule in rules if rule is not None)


def _items(holder: Any, name: str) -> list[Mapping[str, Any]]:
    items = holder.get(name) if isinstance(holder, Mapping) else None
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _interval(rule: Mapping[str, Any], timezone: str) -> Rhythm | None:
    """One rule of a Schedule Trigger."""
    field = str(rule.get("field", "days"))
    if field == "cronExpression":
        return cron(str(rule.get("expression", "")), timezone)
    if field in ("seconds", "minutes"):
        return _every(_number(rule, f"{field}Interval", {"seconds": 30, "minutes": 5}[field]), field, timezone)
    every = _number(rule, f"{field}Interval", 1)
    minute, hour = _number(rule, "triggerAtMinute", 0), _number(rule, "triggerAtHour", 0)
    if every > 1 or field not in UNIT_SECONDS:
        return _every(every, field, timezone)
    if field == "hours":
        return cron(f"{minute} * * * *", timezone)
    if field == "weeks":
        days = rule.get("triggerAtDay", [0])
        named = ",".join(str(day) for day in days if isinstance(day, int)) if isinstance(days, list) else "0"
        return cron(f"{minute} {hour} * * {named or '*'}", timezone)
    day = _number(rule, "triggerAtDayOfMonth", 1) if field == "months" else "*"
    return cron(f"{minute} {hour} {day} * *", timezone)


def _legacy(item: Mapping[str, Any], timezone: str) -> Rhythm | None:
    """One time of the former Cron node."""
    mode, minute, hour = item.get("mode", "everyDay"), _number(item, "minute", 0), _number(item, "hour", 14)
    if mode == "custom":
        return cron(str(item.get("cronExpression", "")), timezone)
    if mode == "everyX":
        return _every(_number(item, "value", 2), str(item.get("unit", "hours")), timezone)
    expressions = {
        "everyMinute": "* * * * *",
        "everyHour": f"{minute} * * * *",
        "everyDay": f"{minute} {hour} * * *",
        "everyWeek": f"{minute} {hour} * * {item.get('weekday', '1')}",
        "everyMonth": f"{minute} {hour} {_number(item, 'dayOfMonth', 1)} * *",
    }
    return cron(expressions[str(mode)], timezone) if str(mode) in expressions else None


def cron(expression: str, timezone: str) -> Rhythm | None:
    """A cron expression of n8n, whose sixth and first field are seconds; None where it cannot be read."""
    parts = expression.split()
    if len(parts) == 6:
        parts = parts[1:]
    text = " ".join(parts)
    if len(parts) != 5 or len(text) > 100:
        return None
    try:
        times = _fires(text)
    except CronSimError:
        return None
    gaps = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    if not gaps:
        return None
    return Rhythm("cron", text, timezone, int(max(gaps) / timedelta(seconds=1)), f"by the schedule {text}")


def _fires(expression: str) -> list[datetime]:
    times: list[datetime] = []
    for at in CronSim(expression, MONDAY):
        times.append(at)
        if len(times) >= MOST_FIRES or (len(times) >= FEWEST_FIRES and at > MONDAY + LOOKED_AT):
            break
    return times


def _every(count: int, unit: str, timezone: str) -> Rhythm | None:
    if unit not in UNIT_SECONDS or count < 1:
        return None
    words = f"every {unit[:-1]}" if count == 1 else f"every {count} {unit}"
    return Rhythm("simple", "", timezone, max(count * UNIT_SECONDS[unit], 1), words)


def _number(said: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number; an expression, which nobody can know before it runs, counts as the default."""
    value = said.get(name, default)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000 else default
