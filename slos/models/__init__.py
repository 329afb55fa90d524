"""What the room keeps: runs, heartbeats, objectives with their rollups, policies with their decisions, facts."""

from slos.models.facts import Fact, Watch
from slos.models.heartbeats import Flip, Heartbeat, HeartbeatRun, Ping
from slos.models.objectives import Exclusion, Slo, SloPart, SloVersion
from slos.models.policies import Decision, Policy, PolicyVersion
from slos.models.rollups import DirtyMinute, RunBucket, SliBucket, Watermark
from slos.models.runs import QueueGauge, Run, RunWatch

__all__ = [
    "Decision",
    "DirtyMinute",
    "Exclusion",
    "ExportedTotal",
    "Fact",
    "Flip",
    "Heartbeat",
    "HeartbeatRun",
    "Ping",
    "Policy",
    "PolicyVersion",
    "QueueGauge",
    "Run",
    "RunBucket",
    "RunWatch",
    "SliBucket",
    "Slo",
    "SloPart",
    "SloVersion",
    "UnmatchedReport",
    "Watch",
    "Watermark",
]
