"""The states of replay items, plans, runbooks and their steps, and which moves exist. No Django here."""

from collections.abc import Mapping
from enum import StrEnum


class ItemState(StrEnum):
    """Where one failed payload stands. `held`: stored, nobody has let it go; `failed`: will be tried again."""

    HELD = "held"
    PENDING = "pending"
    LEASED = "leased"
    FAILED = "failed"
    DEAD = "dead"
    IN_DOUBT = "in_doubt"
    DELIVERED = "delivered"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


_S = ItemState
# What the dispatcher may take when it stands first in its lane.
WAITING = frozenset({_S.PENDING, _S.FAILED})
# What is over. Everything else stands before its followers: none of them is sent past it.
FINAL = frozenset({_S.DELIVERED, _S.DISCARDED, _S.SUPERSEDED})
# What goes on only when a person decides.
UNDECIDED = frozenset({_S.HELD, _S.DEAD, _S.IN_DOUBT})

_BY_PERSON = frozenset({_S.PENDING, _S.DELIVERED, _S.DISCARDED, _S.SUPERSEDED})
TRANSITIONS: Mapping[ItemState, frozenset[ItemState]] = {
    _S.HELD: _BY_PERSON,
    _S.PENDING: frozenset({_S.LEASED, _S.HELD}) | FINAL,
    _S.LEASED: frozenset({_S.DELIVERED, _S.FAILED, _S.DEAD, _S.IN_DOUBT, _S.PENDING, _S.HELD}),
    _S.FAILED: frozenset({_S.LEASED, _S.HELD, _S.PENDING}) | FINAL,
    _S.DEAD: _BY_PERSON,
    _S.IN_DOUBT: _BY_PERSON,
    _S.DELIVERED: frozenset(),
    _S.DISCARDED: frozenset(),
    _S.SUPERSEDED: frozenset(),
}
WORDS = {
    _S.HELD: "held",
    _S.PENDING: "waits",
    _S.LEASED: "being sent",
    _S.FAILED: "tried, waits",
    _S.DEAD: "given up",
    _S.IN_DOUBT: "in doubt",
    _S.DELIVERED: "delivered",
    _S.DISCARDED: "discarded",
    _S.SUPERSEDED: "superseded",
}


class RevisionState(StrEnum):
    """Where one revision of a runbook stands. At most one is published, at most one is a draft or in review."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


REVISION_TRANSITIONS: dict[RevisionState, frozenset[RevisionState]] = {
    RevisionState.DRAFT: frozenset({RevisionState.REVIEW, RevisionState.PUBLISHED, RevisionState.SUPERSEDED}),
    RevisionState.REVIEW: frozenset({RevisionState.DRAFT, RevisionState.PUBLISHED, RevisionState.SUPERSEDED}),
    RevisionState.PUBLISHED: frozenset({RevisionState.SUPERSEDED}),
    RevisionState.SUPERSEDED: frozenset(),
}
# Written, and not yet decided on.
OPEN_REVISIONS = frozenset({RevisionState.DRAFT, RevisionState.REVIEW})


class ExecutionState(StrEnum):
    """Where going through a runbook stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


class StepState(StrEnum):
    """What became of one step. `failed`: what was to be seen afterwards was not."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


STEP_TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    StepState.PENDING: frozenset({StepState.DONE, StepState.FAILED, StepState.SKIPPED}),
    StepState.DONE: frozenset({StepState.PENDING}),
    StepState.FAILED: frozenset({StepState.PENDING, StepState.DONE, StepState.SKIPPED}),
    StepState.SKIPPED: frozenset({StepState.PENDING}),
}


class ProposalState(StrEnum):
    """What became of a runbook that a fact proposed. `joined`: another proposal of the same was open already."""

    WAITING = "waiting"
    STARTED = "started"
    DECLINED = "declined"
    EXPIRED = "expired"
    JOINED = "joined"


class PlanState(StrEnum):
    """Where a replay plan stands. `draft`: nothing is frozen; `dry_run`: frozen and looked through, nothing is sent."""

    DRAFT = "draft"
    DRY_RUN = "dry_run"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


_P = PlanState
PLAN_TRANSITIONS: Mapping[PlanState, frozenset[PlanState]] = {
    _P.DRAFT: frozenset({_P.DRAFT, _P.DRY_RUN, _P.CANCELLED}),
    _P.DRY_RUN: frozenset({_P.DRAFT, _P.DRY_RUN, _P.AWAITING_APPROVAL, _P.RUNNING, _P.CANCELLED}),
    _P.AWAITING_APPROVAL: frozenset({_P.DRAFT, _P.APPROVED, _P.DRY_RUN, _P.CANCELLED}),
    _P.APPROVED: frozenset({_P.DRAFT, _P.RUNNING, _P.DRY_RUN, _P.CANCELLED}),
    _P.RUNNING: frozenset({_P.PAUSED, _P.COMPLETED, _P.CANCELLED, _P.ABORTED}),
    _P.PAUSED: frozenset({_P.RUNNING, _P.CANCELLED}),
    _P.COMPLETED: frozenset(),
    _P.CANCELLED: frozenset(),
    _P.ABORTED: frozenset(),
}
OVER_PLANS = frozenset({_P.COMPLETED, _P.CANCELLED, _P.ABORTED})
PLAN_WORDS = {
    _P.DRAFT: "draft",
    _P.DRY_RUN: "dry run",
    _P.AWAITING_APPROVAL: "waits for approval",
    _P.APPROVED: "approved",
    _P.RUNNING: "running",
    _P.PAUSED: "paused",
    _P.COMPLETED: "completed",
    _P.CANCELLED: "cancelled",
    _P.ABORTED: "aborted",
}
