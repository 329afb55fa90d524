"""The states of runs, heartbeats and SLOs, and which moves exist. No Django here."""

from collections.abc import Mapping
from enum import StrEnum


class RunStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})


class HeartbeatStatus(StrEnum):
    """What is known of a heartbeat. `unknown`: the portal itself was not looking since."""

    NEW = "new"
    UP = "up"
    LATE = "late"
    DOWN = "down"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class HeartbeatKind(StrEnum):
    SIMPLE = "simple"
    CRON = "cron"
    ONCALENDAR = "oncalendar"


class SliKind(StrEnum):
    """What an SLI measures: good / valid of what."""

    AVAILABILITY = "availability"
    LATENCY = "latency"
    FRESHNESS = "freshness"
    HEARTBEAT = "heartbeat"
    HIT_RATE = "hit_rate"
    COMPOSITE = "composite"


class SliMethod(StrEnum):
    """What is counted: events, slices of time that were good or bad, minutes of downtime."""

    OCCURRENCES = "occurrences"
    TIME_SLICES = "time_slices"
    DOWNTIME = "downtime"


class SloState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


SLO_TRANSITIONS: Mapping[SloState, frozenset[SloState]] = {
    SloState.DRAFT: frozenset({SloState.ACTIVE, SloState.RETIRED}),
    SloState.ACTIVE: frozenset({SloState.RETIRED}),
    SloState.RETIRED: frozenset(),
}


class BudgetState(StrEnum):
    """At risk: less than a quarter of the budget remains. Without data no rule acts."""

    OK = "ok"
    AT_RISK = "at_risk"
    EXHAUSTED = "exhausted"
    NO_DATA = "no_data"


class FactKind(StrEnum):
    """What is reported upwards. A fact is at once the queue of the on-call side and the statistics."""

    HEARTBEAT_DOWN = "heartbeat_down"
    RUN_STUCK = "run_stuck"
    RUNAWAY_LOOP = "runaway_loop"
    RETRY_STORM = "retry_storm"
    EMPTY_OUTPUT = "empty_output"
    SILENCE = "silence"
    QUEUE_DEPTH = "queue_depth"
    RUN_LIMIT = "run_limit"
    BURN = "burn"
    EXHAUSTED = "exhausted"
    VOLUME = "volume"
    ERROR_DRIFT = "error_drift"
    RELEASE_WATCH = "release_watch"
    CREDENTIAL_EXPIRY = "credential_expiry"
    COST = "cost"


# What an automation did wrong by itself: what executives read as its disruptions.
DISRUPTIONS = frozenset(
    {
        FactKind.HEARTBEAT_DOWN,
        FactKind.SILENCE,
        FactKind.RUN_STUCK,
        FactKind.RUNAWAY_LOOP,
        FactKind.RETRY_STORM,
        FactKind.EMPTY_OUTPUT,
        FactKind.QUEUE_DEPTH,
    }
)
# What is downtime of whatever should have given a sign of life: it stopped, or it never began.
OUTAGES = frozenset({FactKind.HEARTBEAT_DOWN, FactKind.SILENCE})
