"""What the company's automations could not deliver: stored, let go by the people who may, sent to the demo's own
receiver by the real dispatcher, decided where somebody has to.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.catalog.models import Automation
from opsportal.workbench.demo import payloads, receiver
from opsportal.workbench.demo.cast import RING, SETUP, Cast
from opsportal.workbench.demo.payloads import Payloads, Raw
from opsportal.workbench.demo.telemetry import HABITS
from runbooks.models import ReplayItem, ReplayPlan, ReplayTarget
from runbooks.plans import operations as replay
from runbooks.plans.sweep import advance
from runbooks.queue import dispatch, intake, reading
from runbooks.queue import operations as queue
from runbooks.states import ItemState, PlanState
from runbooks.targets import operations as targets

Act = Callable[[datetime], None]
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LEAD = "marta"
HERE = "http://127.0.0.1:"
# slug, name, path at the receiver, automation, what it declares
TARGETS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    (
        payloads.CRM_LEADS,
        "CRM, leads",
        receiver.LEADS,
        "lead-router",
        {"idempotent": True, "already_there": [409], "rate_per_minute": 1_200},
    ),
    (
        payloads.CRM_DEALS,
        "CRM, deals",
        receiver.DEALS,
        "deal-sync",
        {"idempotent": True, "rate_per_minute": 1_200, "max_attempts": 4},
    ),
    (payloads.MAIL_SERVICE, "Mail service", receiver.MAILS, "lifecycle-nurture", {"rate_per_minute": 600}),
    (
        payloads.WAREHOUSE,
        "Data warehouse",
        receiver.COMPANIES,
        "enrichment",
        {"idempotent": True, "superseding": True, "rate_per_minute": 1_200, "max_attempts": 8},
    ),
    ("calendar", "Calendar service", receiver.INVITES, "meeting-scheduler", {"rate_per_minute": 120}),
)


class Failures:
    """Six weeks of what went wrong on the way out. `plan` puts it all into the history."""

    def __init__(self, cast: Cast, *, start: datetime, end: datetime, seed: int, port: int) -> None:
        self.cast, self.start, self.end, self.port = cast, start, end, port
        self.make = Payloads(Random(seed), RING)
        self._first: datetime = start + (end - start) * 0.1

    def plan(self, at: Callable[[datetime, Act], None]) -> None:
        self._at = at
        at(self._first, self._declare)
        for trouble in HABITS["lead-router"].troubles:
            self._plan_launch_day(trouble.began(self.end))
        self._soon(2 * DAY, self._refuse_a_stage)
        self._soon(26 * HOUR, self._leave_in_doubt)
        self._soon(5 * HOUR, self._close_the_warehouse)
        self._soon(50 * MINUTE, self._fail_of_late)
        self._soon(45 * MINUTE, self._ask_for_another_stage)

    def _soon(self, before: timedelta, act: Act) -> None:
        """So long before the end; in a short history as early as there are targets."""
        self._at(max(self.end - before, self._first + HOUR), act)

    def _after(self, now: datetime, delay: timedelta, act: Act) -> None:
        self._at(now + delay, act)

    def _declare(self, now: datetime) -> None:
        for slug, name, path, automation, terms in TARGETS:
            values = {
                "name": name,
                "url": address(self.port, path),
                "automation": Automation.objects.get(slug=automation),
                **terms,
            }
            targets.create_target(slug=slug, values=values, actor=self.cast.actor(LEAD), now=now)

    # --- the CRM's limit on the day of a launch ---

    def _plan_launch_day(self, began: datetime) -> None:
        if began > self._first:
            self._at(began + 4 * MINUTE, self._limit)

    def _limit(self, now: datetime) -> None:
        """Leads pile up until the limit is reset; then they go, with a second person's word."""
        target = ReplayTarget.objects.get(slug=payloads.CRM_LEADS)
        marta = self.cast.actor(LEAD)
        reason = "The CRM's limit is used up until the hour"
        targets.switch_backup(target, on=True, reason=reason, actor=marta, now=now)
        raws = [self.make.lead(now - timedelta(seconds=40 * place)) for place in range(9)]
        raws.append(self.make.lead(now, of=raws[2], owner="lena"))
        items = store(raws, now=now)

        def release(later: datetime) -> None:
            targets.switch_backup(target, on=False, reason="The limit was reset", actor=marta, now=later)
            if later < self.end - 7 * DAY:
                self._replay_as_a_plan(target, now, later)
            else:
                self._send(items, "The limit was reset", by="priya", now=later)

        self._after(now, 41 * MINUTE, release)

    # --- plans ---

    def _replay_as_a_plan(self, target: ReplayTarget, since: datetime, now: datetime) -> None:
        """Two go first and are looked at, then the rest."""
        chosen = {"error_type": payloads.LIMITED[0], "from": since, "to": now}
        values = {"reason": "The limit was reset", "selection": chosen, "canary_count": 2}
        plan = self._draw_up(target, values, now=now + 4 * MINUTE)

        def start(at: datetime) -> None:
            approval = self._start(plan, at).approval
            if approval is not None:
                self._after(at, 6 * MINUTE, lambda later: agree(self.cast, approval, now=later))
                self._after(at, 8 * MINUTE, lambda later: void(self._start(plan, later)))

        def go_on(at: datetime) -> None:
            advance(at)
            dispatch.drain(at)
            fresh = ReplayPlan.objects.get(pk=plan.pk)
            if fresh.state == PlanState.PAUSED:
                reason = "Both have an owner in the CRM"
                replay.resume_plan(fresh, reason=reason, actor=self.cast.actor("priya"), now=at)

        self._after(now, 5 * MINUTE, start)
        for minutes in (14, 15, 16, 18, 19, 20, 22, 25):
            self._after(now, minutes * MINUTE, go_on)

    def _ask_for_another_stage(self, now: datetime) -> None:
        """What was refused for its stage gets the stage of today; a second person is asked."""
        target = ReplayTarget.objects.get(slug=payloads.CRM_DEALS)
        values = {
            "reason": "Sales renamed the stage; the CRM knows it as Contract sent",
            "selection": {"error_type": payloads.UNKNOWN_STAGE[0], "state": ItemState.DEAD.value},
            "transform": [{"op": "set", "field": "stage", "value": "Contract sent"}],
            "canary_count": 1,
        }
        self._start(self._draw_up(target, values, now=now), now)

    def _start(self, plan: ReplayPlan, now: datetime) -> ReplayPlan:
        return replay.start_plan(plan, person=self.cast.people["priya"], actor=self.cast.actor("priya"), now=now)

    def _draw_up(self, target: ReplayTarget, values: dict[str, Any], *, now: datetime) -> ReplayPlan:
        """A plan of the analyst's, after its dry run."""
        person, actor = self.cast.people["priya"], self.cast.actor("priya")
        plan = replay.create_plan(target, values=values, person=person, actor=actor, now=now)
        return replay.freeze_plan(plan, principal=person, actor=actor, now=now)

    # --- a stage that the CRM does not know ---

    def _refuse_a_stage(self, now: datetime) -> None:
        """Six deals with a renamed stage are given up alike; a change behind one waits; one is closed by hand."""
        stage = payloads.RENAMED_STAGE
        raws = [self.make.deal(now - place * MINUTE, payloads.UNKNOWN_STAGE, stage=stage) for place in range(6)]
        raws += [self.make.deal(now, of=raws[1], stage="Contract sent"), self.make.deal(now, stage="Closed won")]
        items = store(raws, now=now)
        self._send(items, "The field was mapped anew", by="priya", now=now + 20 * MINUTE)
        self._after(now, 3 * HOUR, self._discard(items[0]))
        self._after(now, 4 * HOUR, self._read(items[1]))

    def _discard(self, item: ReplayItem) -> Act:
        reason = "Sales entered this deal by hand"
        return lambda now: void(queue.discard_item(item, reason=reason, actor=self.cast.actor("priya"), now=now))

    def _read(self, item: ReplayItem) -> Act:
        reason = "To see what the pipeline sends as stage"
        return lambda now: void(reading.unmask(item, reason=reason, actor=self.cast.actor("priya"), now=now))

    # --- no answer ---

    def _leave_in_doubt(self, now: datetime) -> None:
        """The mail service hangs up on two; one was found in its list of sent mails, the other waits for a decision."""
        raws = [self.make.mail(now - place * MINUTE, hangs_up=place in (1, 3)) for place in range(5)]
        raws.append(self.make.mail(now, of=raws[3]))
        items = store(raws, now=now)
        self._send(items, "The greylisting is over", by=LEAD, now=now + 30 * MINUTE)
        self._after(now, 2 * HOUR, self._found(items[1]))

    def _found(self, item: ReplayItem) -> Act:
        def found(now: datetime) -> None:
            reason = "It stands in the service's list of sent mails"
            queue.mark_delivered(item, reason=reason, actor=self.cast.actor(LEAD), now=now)
            queue.hold_for_law(item, reason="Complaint C-118, kept for legal", actor=self.cast.actor(LEAD), now=now)

        return found

    # --- a target that is down ---

    def _close_the_warehouse(self, now: datetime) -> None:
        """Newer looks at a company replace older ones; nine are let go, five fail, and the target is left alone."""
        older = [self.make.company(now - place * MINUTE) for place in range(9)]
        store(older, now=now)
        items = store([self.make.company(now, of=one) for one in older[:3]], now=now + 10 * MINUTE)
        items += list(ReplayItem.objects.filter(target__slug=payloads.WAREHOUSE, state=ItemState.HELD))
        unique = list({item.pk: item for item in items}.values())
        self._send(unique, "They said it is open again", by="amir", now=now + HOUR)

    # --- the last hour ---

    def _fail_of_late(self, now: datetime) -> None:
        """Something that nobody has looked at yet, and something a second person is asked about."""
        leads = store([self.make.lead(now - place * MINUTE, payloads.TIMED_OUT) for place in range(3)], now=now)
        self._after(now, 20 * MINUTE, lambda later: void(store([self.make.deal(later)], now=later)))
        self._after(now, 25 * MINUTE, lambda later: void(store([self.make.mail(later)], now=later)))
        self._after(now, 35 * MINUTE, lambda later: void(self._ask(leads, "The CRM answers again", "priya", later)))

    # --- letting go ---

    def _send(self, items: Sequence[ReplayItem], reason: str, *, by: str, now: datetime) -> None:
        """At `now` somebody lets them go, a second person agrees where that is needed, and the dispatcher works."""

        def let_go(at: datetime) -> None:
            done = self._ask(items, reason, by, at)
            if isinstance(done, Approval):
                self._after(at, 6 * MINUTE, lambda later: agree(self.cast, done, now=later))
            for minutes in (7, 8, 10, 14, 25, 60):
                self._after(at, minutes * MINUTE, lambda later: void(dispatch.drain(later)))

        self._at(now, let_go)

    def _ask(self, items: Sequence[ReplayItem], reason: str, by: str, now: datetime) -> object:
        return send_again(self.cast, [item.pk for item in items], reason, by=by, now=now)


def address(port: int, path: str) -> str:
    return f"{HERE}{port}{path}"


def move(port: int, *, now: datetime) -> None:
    """The targets of an earlier start lead to the receiver of this one."""
    for slug, _, path, _, _ in TARGETS:
        rows = ReplayTarget.objects.filter(slug=slug, url__startswith=HERE, url__endswith=path)
        for target in rows.exclude(url=address(port, path)):
            targets.change_target(target, values={"url": address(port, path)}, actor=SETUP, now=now)


def store(raws: Sequence[Raw], *, now: datetime) -> list[ReplayItem]:
    """Hand failed payloads in, as a workflow does; answers the items that were made."""
    automations, places = Automation.objects.all(), ReplayTarget.objects.all()
    several = [intake.read_item(raw) for raw in raws]
    recorded = queue.record_items(several, targets=places, automations=automations, now=now)
    rows = {str(item.pk): item for item in ReplayItem.objects.filter(pk__in=[one.id for one in recorded])}
    return [rows[str(one.id)] for one in recorded]


def send_again(cast: Cast, keys: Sequence[Any], reason: str, *, by: str, now: datetime) -> object:
    """Let items go; answers the request where a second person is asked first."""
    rows = ReplayItem.objects.filter(pk__in=keys).select_related("target__automation__team", "automation")
    items = list(rows.order_by("received_at", "sequence"))
    return queue.resend_items(items, reason=reason, actor=cast.actor(by), person=cast.people[by], now=now)


def agree(cast: Cast, approval: Approval, *, now: datetime) -> None:
    """The second person's word."""
    approvals.approve(approval.pk, person=cast.people[LEAD], now=now, authenticated_at=now)


def void(done: object) -> None:
    """For what is done for its effect."""
