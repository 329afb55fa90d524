"""What people read about heartbeats: sentences of outages, words of states and reasons."""

from datetime import datetime

from slos.models import Flip, Heartbeat
from slos.states import HeartbeatKind, HeartbeatStatus

# A change to one of these ends an outage.
OVER = (HeartbeatStatus.UP, HeartbeatStatus.PAUSED, HeartbeatStatus.NEW)

STATUSES = {
    HeartbeatStatus.NEW: "Waiting for its first ping",
    HeartbeatStatus.UP: "Up",
    HeartbeatStatus.LATE: "Late",
    HeartbeatStatus.DOWN: "Down",
    HeartbeatStatus.PAUSED: "Paused",
    HeartbeatStatus.UNKNOWN: "Unknown",
}
TONES = {
    HeartbeatStatus.NEW: "calm",
    HeartbeatStatus.UP: "good",
    HeartbeatStatus.LATE: "warn",
    HeartbeatStatus.DOWN: "bad",
    HeartbeatStatus.PAUSED: "calm",
    HeartbeatStatus.UNKNOWN: "warn",
}
KINDS = [
    (HeartbeatKind.SIMPLE.value, "Every so often"),
    (HeartbeatKind.CRON.value, "Cron"),
    (HeartbeatKind.ONCALENDAR.value, "OnCalendar (systemd)"),
]
PING_WORDS = {"success": "Success", "start": "Start", "fail": "Failure", "log": "Log line", "ign": "Ignored"}
PING_TONES = {"success": "good", "start": "calm", "fail": "bad", "log": "calm", "ign": ""}

REASONS = {
    "ping": "it was pinged",
    "fail": "it reported a failure",
    "empty": "it produced less than expected",
    "missed": "no ping came in time",
    "never": "its first ping did not come in time",
    "not_started": "it did not start in time",
    "overrun": "a run did not end in time",
    "blind": "the portal itself was not looking",
    "paused": "somebody paused it",
    "resumed": "somebody resumed it",
    "out_of_service": "its automation is paused or retired",
    "back_in_service": "its automation is in service again",
}


def rhythm(heartbeat: Heartbeat) -> str:
    """When pings are expected, in a few words."""
    if heartbeat.kind == HeartbeatKind.SIMPLE:
        return f"every {span(heartbeat.timeout_seconds)}"
    return f"{heartbeat.schedule} ({heartbeat.timezone})"


def standing(heartbeat: Heartbeat, status: HeartbeatStatus, last: Flip | None) -> str:
    """What is known of a heartbeat, in one sentence."""
    if status == HeartbeatStatus.UP:
        run = " A run is on its way." if getattr(heartbeat, "run_until", None) else ""
        if heartbeat.due_at is None or heartbeat.down_at is None:
            return f"It was pinged; its schedule has come to its end.{run}"
        due, down = clock_time(heartbeat.due_at), clock_time(heartbeat.down_at)
        return f"It was pinged in time. The next ping is due at {due}; from {down} on its silence is an outage.{run}"
    if status == HeartbeatStatus.LATE and heartbeat.due_at and heartbeat.down_at:
        due, down = clock_time(heartbeat.due_at), clock_time(heartbeat.down_at)
        return f"A ping was due at {due}. It counts as down from {down} on."
    if status == HeartbeatStatus.DOWN:
        return outage(heartbeat, last) if last is not None and last.to_status == status else "Its time is over."
    if status == HeartbeatStatus.UNKNOWN and heartbeat.unknown_since and heartbeat.down_at:
        since, until = clock_time(heartbeat.unknown_since), clock_time(heartbeat.down_at)
        return f"The portal itself was not looking, so nothing is known since {since}. It has until {until} to ping."
    if status == HeartbeatStatus.PAUSED and last is not None and last.reason == "out_of_service":
        return "Its automation is paused or retired, so nothing is expected of it."
    if status == HeartbeatStatus.PAUSED:
        by_hand = heartbeat.options.get("manual_resume")
        return "Nothing is expected of it until " + ("somebody resumes it." if by_hand else "its next ping.")
    if heartbeat.due_at and heartbeat.down_at:
        due, down = clock_time(heartbeat.due_at), clock_time(heartbeat.down_at)
        return f"It has not been pinged yet. Its first ping is due at {due}; from {down} on its silence is an outage."
    return "It has not been pinged yet; the first ping starts its clock, or that its automation goes into service."


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
    if flip.reason == "never":
        return f"{heartbeat} has never given a sign of life: its first was due at {clock_time(flip.since)}."
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
