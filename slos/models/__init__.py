"""What the room keeps: runs, heartbeats, objectives with their rollups, policies with their decisions, facts."""

from slos.models.exposition import ExportedTotal, UnmatchedReport
from slos.models.facts import Fact, Watch
from slos.models.heartbeats import Flip, Heartbeat, HeartbeatRun, Ping, PingProject
from slos.models.objectives import Exclusion, Slo, SloPart, SloVersion
from slos.models.policies import BudgetFreeze, Decision, Policy, PolicyVersion, ShareLink, Standing
from slos.models.rollups import DirtyMinute, Downtime, OpenBucket, RunBucket, SliBucket, SloReading, Watermark
from slos.models.runs import QueueGauge, Run, RunHorizon

__all__ = [
    "BudgetFreeze",
    "Decision",
    "DirtyMinute",
    "Downtime",
    "Exclusion",
    "ExportedTotal",
    "Fact",
    "Flip",
    "Heartbeat",
    "HeartbeatRun",
    "OpenBucket",
    "Ping",
    "PingProject",
    "Policy",
    "PolicyVersion",
    "QueueGauge",
    "Run",
    "RunBucket",
    "RunHorizon",
    "ShareLink",
    "SliBucket",
    "Slo",
    "SloPart",
    "SloReading",
    "SloVersion",
    "Standing",
    "UnmatchedReport",
    "Watch",
    "Watermark",
]
