"""What the room keeps: targets and the queue of what failed, plans, runbooks and what was done by them."""

from runbooks.models.executions import Execution, ExecutionStep
from runbooks.models.facts import ReplayFact
from runbooks.models.items import Attempt, Delivered, Lane, Payload, Release, ReplayItem
from runbooks.models.library import (
    Runbook,
    RunbookDraw,
    RunbookLink,
    RunbookRevision,
    RunbookStep,
    RunbookValidation,
    StepReport,
)
from runbooks.models.plans import PlanItem, ReplayPlan, ShadowSend
from runbooks.models.proposals import Proposal
from runbooks.models.targets import ReplayTarget, TargetHealth
from runbooks.models.webhooks import Webhook

__all__ = [
    "Attempt",
    "Delivered",
    "Execution",
    "ExecutionStep",
    "Lane",
    "Payload",
    "PlanItem",
    "Release",
    "Proposal",
    "ReplayFact",
    "ReplayItem",
    "ReplayPlan",
    "ReplayTarget",
    "Runbook",
    "RunbookDraw",
    "RunbookLink",
    "RunbookRevision",
    "RunbookStep",
    "RunbookValidation",
    "ShadowSend",
    "StepReport",
    "TargetHealth",
    "Webhook",
]
