"""Everything that carries one trace id, on one line of time: what was decided, who was told, what became of that.

A source answers the steps a principal may see; a room that joins adds its source to SOURCES.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from django.urls import reverse

from handoffs.models import Handoff
from handoffs.pages import ACTION_TONES
from handoffs.queries import find_handoffs_with_trace
from opsportal.audit import addresses, sentences
from opsportal.audit import queries as audit
from opsportal.audit.models import Entry
from opsportal.identity.actors import Principal
from opsportal.identity.queries import person_of, visible_team_slugs
from opsportal.notify import queries as notify
from opsportal.notify.models import Delivery, Message, PublishedEvent
from opsportal.notify.states import DeliveryState
from runbooks.executions import pages as gone_through
from runbooks.executions.queries import list_executions
from runbooks.models import Execution
from runbooks.remediation import pages as proposed
from runbooks.remediation.queries import list_proposals
from runbooks.states import ExecutionState, ProposalState
from slos.models import Run
from slos.runs.queries import find_runs_with_trace
from slos.states import RunStatus

LIMIT = 500
DELIVERED = {
    DeliveryState.DELIVERED: ("good", "It arrived"),
    DeliveryState.MERGED: ("good", "It went out with others in one message"),
    DeliveryState.DEAD: ("bad", "It was given up"),
    DeliveryState.SUPPRESSED: ("calm", "It was held back"),
    DeliveryState.PENDING: ("warn", "It waits for its next attempt"),
    DeliveryState.LEASED: ("calm", "It is being sent"),
}
RUN_TONES = {
    RunStatus.SUCCEEDED: "good",
    RunStatus.FAILED: "bad",
    RunStatus.CANCELLED: "calm",
    RunStatus.RUNNING: "calm",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `at` is when it was over, `began_at` when it began where it took some time: `seconds`.
    `gap_seconds` is the time since the step before.

    `kind`: audit, message, event, delivery, run or runbook. `url` leads to the record it is about, `source_url` to
    its entry.
    """

    at: datetime
    kind: str
    name: str
    tone: str
    sentence: str
    actor: str = ""
    url: str = ""
    source_url: str = ""
    began_at: datetime | None = None
    seconds: float | None = None
    gap_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole line, oldest first. `broke` is the first step that went wrong; `is_cut` when more than LIMIT exist."""

    trace_id: str
    steps: list[Step]
    handoffs: list[Handoff]
    is_cut: bool

    @property
    def broke(self) -> Step | None:
        return next((step for step in self.steps if step.tone == "bad"), None)

    @property
    def began_at(self) -> datetime | None:
        """When the first of them began, which need not be the one that was over first."""
        return min((step.began_at or step.at for step in self.steps), default=None)

    @property
    def ended_at(self) -> datetime | None:
        return self.steps[-1].at if self.steps else None

    @property
    def seconds(self) -> float:
        """From when the first step began until the last one was over."""
        first, last = self.began_at, self.ended_at
        return (last - first).total_seconds() if first and last else 0.0

    @property
    def is_empty(self) -> bool:
        return not self.steps and not self.handoffs


def get_trace(principal: Principal | None, trace_id: str) -> Trace:
    """What a principal may see of a trace; an empty one where there is nothing, or nothing for them."""
    handoffs = list(find_handoffs_with_trace(principal, trace_id).prefetch_related(None)[:50])
    found = [step for source in SOURCES for step in islice(source(principal, trace_id, handoffs), LIMIT)]
    found.sort(key=lambda step: step.at)
    return Trace(trace_id, _with_gaps(found[:LIMIT]), handoffs, is_cut=len(found) > LIMIT)


def _decisions(principal: Principal | None, trace_id: str, handoffs: Sequence[Handoff]) -> Iterable[Step]:
    """The trail. Without the right to read all of it, the history of records one may see."""
    entries = audit.entries_with_trace(trace_id, teams=visible_team_slugs(principal))
    may_read_trail = principal is not None and principal.allows("audit:read")
    if not may_read_trail:
        entries = entries.filter(subject_type="handoff", subject_id__in=[str(one.pk) for one in handoffs])
    return (_decision(entry, may_read_trail=may_read_trail) for entry in entries[: LIMIT + 1])


def _told(principal: Principal | None, trace_id: str, handoffs: Sequence[Handoff]) -> Iterable[Step]:
    """Messages to people and events to subscribers, with what became of each."""
    slugs, person = visible_team_slugs(principal), person_of(principal)
    messages, events = notify.list_by_trace(trace_id)
    for message in messages:
        if slugs is None or message.recipient_id == (person and person.pk):
            yield from _message(message)
    for event in events:
        if slugs is None or event.team == "" or event.team in slugs:
            yield from _event(event)


def _ran(principal: Principal | None, trace_id: str, handoffs: Sequence[Handoff]) -> Iterable[Step]:
    """Runs of automations, for whoever may read telemetry."""
    if principal is None or not principal.allows("runs:read"):
        return ()
    return (_run(run) for run in find_runs_with_trace(trace_id, principal)[: LIMIT + 1])


def _gone_through(principal: Principal | None, trace_id: str, handoffs: Sequence[Handoff]) -> Iterable[Step]:
    """Runbooks that facts proposed, and those that people went through."""
    if principal is None or not principal.allows("runbooks:read"):
        return
    for proposal in list_proposals(principal).filter(trace_id=trace_id)[: LIMIT + 1]:
        tone, told = proposed.TONES[ProposalState(proposal.state)][1], f"{proposal.runbook} was proposed."
        url = proposal.get_absolute_url()
        yield Step(proposal.proposed_at, "runbook", "runbook.proposed", tone, told, proposal.decided_label, url)
    for execution in list_executions(principal).filter(trace_id=trace_id)[: LIMIT + 1]:
        yield _execution(execution)


def _execution(execution: Execution) -> Step:
    word, tone = gone_through.STATES[ExecutionState(execution.state)]
    outcome = f": {execution.outcome}" if execution.outcome else ""
    return Step(
        at=execution.finished_at or execution.started_at,
        kind="runbook",
        name=f"execution.{execution.state}",
        tone=tone,
        sentence=f"Going through {execution.runbook} is {word}{outcome}.".replace("..", "."),
        actor=execution.started_label,
        url=execution.get_absolute_url(),
        began_at=execution.started_at,
        seconds=execution.seconds,
    )


SOURCES: tuple[Callable[[Principal | None, str, Sequence[Handoff]], Iterable[Step]], ...] = (
    *(_decisions, _told, _ran, _gone_through),
)


def _run(run: Run) -> Step:
    """A run, and where it broke: the first step that failed."""
    broken = next((step.get("name", "") for step in run.steps if step.get("status") == "failed"), "")
    where = f" at “{broken}”" if broken else ""
    error = f": {run.error_type}" if run.error_type else ""
    return Step(
        at=run.finished_at or run.started_at,
        kind="run",
        name=f"run.{run.status}",
        tone=RUN_TONES.get(RunStatus(run.status), "calm"),
        sentence=f"{run.automation} {'is running' if run.status == RunStatus.RUNNING else run.status}{where}{error}.",
        actor=run.automation.get_platform_display(),
        url=run.automation.get_absolute_url(),
        source_url=reverse("runs:detail", args=[run.pk]),
        began_at=run.started_at,
        seconds=None if run.duration_ms is None else run.duration_ms / 1000,
    )


def _decision(entry: Entry, *, may_read_trail: bool) -> Step:
    return Step(
        at=entry.at,
        kind="audit",
        name=entry.action,
        tone=ACTION_TONES.get(entry.action, "calm"),
        sentence=sentences.sentence(entry),
        actor=sentences.actor_label(entry),
        url=addresses.address_of(entry.subject_type, entry.subject_id),
        source_url=f"/audit/{entry.pk}/" if may_read_trail else "",
    )


def _message(message: Message) -> Iterable[Step]:
    deliveries = list(message.deliveries.all())
    if not deliveries:
        told = f"{message.recipient} was told in the inbox: {message.title}."
        yield Step(message.created_at, "message", message.topic, "calm", told, url=message.url)
    for delivery in deliveries:
        what = f"{message.recipient} was told by {delivery.get_channel_display()}: {message.title}"
        yield _delivery(delivery, what, message.topic, message.url)


def _event(event: PublishedEvent) -> Iterable[Step]:
    for delivery in event.deliveries.all():
        yield _delivery(delivery, f"{event.type} was sent to {delivery.subscription}", event.type, "")


def _delivery(delivery: Delivery, what: str, name: str, url: str) -> Step:
    tone, word = DELIVERED[DeliveryState(delivery.state)]
    error = f": {delivery.last_error}" if delivery.last_error and tone != "good" else ""
    ended = delivery.finished_at
    return Step(
        at=ended or delivery.created_at,
        kind="delivery",
        name=name,
        tone=tone,
        sentence=f"{what}. {word}{error}.",
        url=url,
        source_url=reverse("notify:delivery", args=[delivery.pk]),
        began_at=delivery.created_at,
        seconds=(ended - delivery.created_at).total_seconds() if ended else None,
    )


def _with_gaps(steps: list[Step]) -> list[Step]:
    before = [None, *(step.at for step in steps)]
    return [
        replace(step, gap_seconds=None if at is None else (step.at - at).total_seconds())
        for step, at in zip(steps, before, strict=False)
    ]
