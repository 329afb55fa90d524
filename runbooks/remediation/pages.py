"""How a proposal looks: its word and tone, how long one can start it, what a yes carries out at once."""

from dataclasses import dataclass
from datetime import datetime

from opsportal.approvals.states import Risk
from opsportal.errors import DomainError
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.web import words
from runbooks.executions import registry
from runbooks.library import queries as library
from runbooks.library.engine import document
from runbooks.models import Proposal, Runbook, RunbookStep
from runbooks.remediation.outcomes import DAYS, Outcomes
from runbooks.states import ProposalState

TONES = {
    ProposalState.WAITING: ("waits for a yes", "warn"),
    ProposalState.STARTED: ("started", "good"),
    ProposalState.DECLINED: ("declined", "calm"),
    ProposalState.EXPIRED: ("nobody started it", "calm"),
    ProposalState.JOINED: ("joined another", "calm"),
}


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A step that a yes carries out. `problem` says why it will not go for this person."""

    step: RunbookStep
    words: str
    risk: str
    problem: str = ""


def at_once(runbook: Runbook, principal: Principal | None, now: datetime) -> list[AtOnce]:
    """The steps of the published revision that go at once, in the order of its head."""
    revision = library.get_published(runbook)
    keys = document.read(revision.text).slugs("at_once") if revision else []
    if revision is None or not keys:
        return []
    steps = {step.key: step for step in library.list_steps(revision) if step.action is not None}
    return [_at_once(steps[key], principal, now) for key in keys if key in steps]


def _at_once(step: RunbookStep, principal: Principal | None, now: datetime) -> AtOnce:
    try:
        kind, params = registry.read(step.action)
        may = isinstance(principal, Person) and kind.may_run(principal, params, now)
        risk = kind.risk(params)
    except DomainError as error:
        return AtOnce(step, step.title, Risk.SAFE, error.message)
    problem = "" if may else "The automation's owner or an ops lead carries this out; it stays open for them."
    if may and risk == Risk.DANGEROUS:
        problem = "A second person is asked first."
    return AtOnce(step, kind.describe(params), risk, problem)


def sentence(proposal: Proposal, now: datetime) -> str:
    if proposal.is_open(now):
        left = words.duration((proposal.expires_at - now).total_seconds())
        return f"{proposal.sentence} Nothing has happened yet; it can be started for {left}."
    return proposal.sentence


def verdict(found: Outcomes) -> str:
    """What came of what facts proposed, in a sentence."""
    if not found.proposed:
        return "What facts proposed, and what people made of it."
    told = f"In {DAYS} days facts proposed {words.count(found.proposed, 'runbook')}; people started {found.started}."
    known = found.resolved + found.went_on
    if known:
        told += f" In {found.resolved} of {known} cases it was over within an hour of that."
    return told


def percent(found: Outcomes) -> str:
    return "–" if found.ratio is None else f"{found.ratio * 100:.0f} %"


def state_of(proposal: Proposal, now: datetime) -> tuple[str, str]:
    over = proposal.state == ProposalState.WAITING and not proposal.is_open(now)
    return TONES[ProposalState.EXPIRED if over else ProposalState(proposal.state)]
