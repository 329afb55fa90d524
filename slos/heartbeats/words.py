"""What people read about heartbeats: sentences of outages, words of states and reasons."""

from datetime import datetime

from slos.models import Flip, Heartbeat
from slos.states import HeartbeatStatus

# A change to one of these ends an outage.
OVER = (HeartbeatStatus.UP, HeartbeatStatus.PAUSED, HeartbeatStatus.NEW)

REASONS = {
    "ping": "it was pinged",
    "fail": "it reported a failure",
    "empty": "it produced less than expected",
    "missed": "no ping came in time",
    "not_started": "it did not start in time",
    "overrun": "a run did not end in time",
    "blind": "the portal itself was not looking",
    "paused": "somebody paused it",
    "resumed": "somebody resumed it",
}


def outage(heartbeat: Heartbeat, flip: Flip) -> str:
    """Why a heartbeat is down, in one sentence."""
    if flip.reason == "fail":
        return f"{heartbeat} reported a failure at {clock_time(flip.at)}."
    if flip.reason == "empty":
        return f"{heartbeat} ran and produced fewer than the {heartbeat.min_items} items it should."
    if flip.reason == "overrun":
        limit = heartbeat.max_runtime_seconds or heartbeat.grace_seconds
        return f"A run of {heartbeat} has not ended within {span(limit)}."
    if flip.reason == "not_started":
        return f"{heartbeat} has not started: it was due at {clock_time(flip.since)}."
    return f"{heartbeat} gave no sign of life: it was due at {clock_time(flip.since)}."


def clock_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: int) -> str:
    """`45 s`, `10 min`, `1 h 30 min`, `2 d`: the two largest units that say it."""
    parts, rest = [], seconds
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
