"""Reads of plans: who sees which, how far each has come, what it came to, and what of it would be sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from runbooks.models import Attempt, Delivered, PlanItem, Release, ReplayItem, ReplayPlan, ShadowSend
from runbooks.plans import freezing
from runbooks.plans.engine.course import Progress
from runbooks.queue.engine import flow
from runbooks.queue.operations.releasing import FREE_PER_HOUR, HOUR
from runbooks.states import FINAL, UNDECIDED, ItemState

_S = ItemState
_UNDECIDED = sorted(one.value for one in UNDECIDED)
# What an item that was let go counts as.
_COUNTS_AS = {
    _S.PENDING: "moving",
    _S.LEASED: "moving",
    _S.FAILED: "moving",
    _S.DELIVERED: "delivered",
    _S.DEAD: "dead",
    _S.IN_DOUBT: "in_doubt",
    _S.HELD: "put_back",
    _S.DISCARDED: "decided",
    _S.SUPERSEDED: "decided",
}

# An attempt that never became a request: it is written down before, as every one is.
NOT_REQUESTS = (
    "missed its slot",
    "the worker ended before it was sent",
    "not let go",
    "erased",
    "cannot be built",
    "refused by our own policy",
)
ACCEPTED = Q(status__gte=200, status__lt=300) | Q(outcome="already there")


def list_plans(principal: Principal | None) -> QuerySet[ReplayPlan]:
    """What `principal` may see, with what a row names."""
    return every_plan().filter(pk__in=ReplayPlan.objects.visible_to(principal))


def every_plan() -> QuerySet[ReplayPlan]:
    """All of them, for the portal itself: commands, and what stands in an approval."""
    related = ("target__automation__team", "target__team", "target__health", "requested_by", "approval", "release")
    return ReplayPlan.objects.select_related(*related)


def get_plan(plan_id: UUID | str, principal: Principal | None) -> ReplayPlan:
    """Raises NotFound, also for what may not be seen."""
    found = list_plans(principal).filter(pk=plan_id).first()
    if found is None:
        raise NotFound("unknown_plan", "There is no such replay plan.")
    return found


def list_rows(plan: ReplayPlan, principal: Principal | None) -> QuerySet[PlanItem]:
    """What it was frozen to, as far as `principal` may see the payloads."""
    rows = PlanItem.objects.filter(plan=plan, item__in=ReplayItem.objects.visible_to(principal))
    return rows.select_related("item__target__automation", "item__automation", "plan")


def list_shadow(plan: ReplayPlan, principal: Principal | None) -> list[ShadowSend]:
    """The sample that went to the target's shadow, as far as `principal` may see the payloads."""
    seen = ReplayItem.objects.visible_to(principal)
    rows = ShadowSend.objects.filter(plan=plan, item__in=seen).select_related("item")
    return list(rows.order_by("position"))


def undecided_plans(about_type: str, about_id: str) -> QuerySet[ReplayPlan]:
    """The plans for one record, such as an incident, that are not over."""
    return ReplayPlan.objects.undecided().filter(about_type=about_type, about_id=about_id)


def going(plan: ReplayPlan) -> QuerySet[PlanItem]:
    """What can be sent: everything that was frozen without a finding."""
    return PlanItem.objects.filter(plan=plan, finding="")


def progress_of(plan: ReplayPlan, *, of_canary: bool = False) -> Progress:
    """What became of its payloads, or of its canary's."""
    rows = going(plan).filter(is_canary=True) if of_canary else going(plan)
    let_go = Q(let_go_at__isnull=False)
    grouped = rows.order_by().values_list("item__state", "is_overtaken").annotate(gone=Count("pk", filter=let_go))
    counts: dict[str, int] = {}
    for state, is_overtaken, gone, count in grouped.annotate(count=Count("pk")):
        kind = "decided" if is_overtaken else _COUNTS_AS[ItemState(state)]
        counts[kind] = counts.get(kind, 0) + gone
        kept = "to_go" if state in _UNDECIDED and not is_overtaken else "decided"
        counts[kept] = counts.get(kept, 0) + count - gone
    # As long as some are to go, nothing depends on what is blocked.
    blocked = _blocked(plan, rows) if counts.get("moving") and not counts.get("to_go") else 0
    counts["moving"] = counts.get("moving", 0) - blocked
    return Progress(blocked=blocked, **counts)


def has_canary_ended(plan: ReplayPlan) -> bool:
    """Whether all of its canary have gone and come to an end, and nobody has said yet that the rest may go."""
    if not plan.is_in_canary:
        return False
    canary = progress_of(plan, of_canary=True)
    return not canary.to_go and not canary.moving


def _blocked(plan: ReplayPlan, rows: QuerySet[PlanItem]) -> int:
    """How many were let go, and stand behind a payload of their record that waits for a person."""
    first = freezing.first_undecided(plan.target_id)
    if not first:
        return 0
    waiting = rows.filter(
        let_go_at__isnull=False,
        is_overtaken=False,
        item__state__in=[_S.PENDING, _S.FAILED],
        item__due_at=None,
        item__lane__isnull=False,
    )
    places = waiting.values_list("item__lane_id", "item__sequence")
    return sum(sequence > first.get(lane, sequence) for lane, sequence in places)


def needs_second_person(plan: ReplayPlan, requester: str, now: datetime) -> bool:
    """A P0, or more than a requester may let go to one target within an hour."""
    recent = Release.objects.filter(
        requester=requester, target=plan.target_id, created_at__gt=now - HOUR, approval=None
    ).aggregate(count=Sum("item_count"))
    return plan.is_critical or (recent["count"] or 0) + plan.item_count > FREE_PER_HOUR


def duration_of(plan: ReplayPlan) -> timedelta:
    """How long it takes at the least, at the allowed rate."""
    return flow.duration(plan.item_count, plan.effective_rate)


@dataclass(frozen=True, slots=True)
class Report:
    """What a plan came to. `selected` = `delivered` + `already_delivered` + `by_person` + `dead` + `in_doubt` +
    `discarded` + `waiting`; `doubled`: payloads that the target took more than once. `attempts` are its requests,
    `accepted` those that the target took or had already.
    """

    selected: int
    delivered: int
    already_delivered: int
    by_person: int
    dead: int
    in_doubt: int
    discarded: int
    waiting: int
    doubled: int
    attempts: int
    accepted: int
    left_out: dict[str, int]

    @property
    def sentence(self) -> str:
        return f"{self.delivered:,} replayed, {self.already_delivered:,} already there, {self.doubled:,} twice."


def report_of(plan: ReplayPlan) -> Report:
    """Counted from the ledger and the attempts, while it runs and afterwards."""
    rows = going(plan)
    states = dict(rows.order_by().values_list("item__state").annotate(count=Count("pk")))
    ledger = _ledger_of(plan)
    before = plan.left_out.get(ItemState.DELIVERED, 0)
    delivered, by_person = ledger.get("sent", 0), ledger.get("by_person", 0)
    attempts = _attempts_of(plan)
    over = sum(states.get(state, 0) for state in FINAL)
    return Report(
        selected=plan.item_count + before,
        delivered=delivered,
        already_delivered=before + states.get(_S.DELIVERED, 0) - delivered - by_person,
        by_person=by_person,
        dead=states.get(_S.DEAD, 0),
        in_doubt=states.get(_S.IN_DOUBT, 0),
        discarded=states.get(_S.DISCARDED, 0) + states.get(_S.SUPERSEDED, 0),
        waiting=plan.item_count - over - states.get(_S.DEAD, 0) - states.get(_S.IN_DOUBT, 0),
        doubled=_doubled(plan),
        attempts=attempts["all"] or 0,
        accepted=attempts["accepted"] or 0,
        left_out=plan.left_out,
    )


def _ledger_of(plan: ReplayPlan) -> dict[str, int]:
    """Its payloads in the ledger by how they came there: sent by this plan, or by a person's word since it began."""
    lines = Delivered.objects.filter(item__plan_items__in=going(plan)).order_by()
    ours = Q(how="sent", release=plan.release_id) if plan.release_id else Q(pk__in=[])
    counted = lines.aggregate(
        sent=Count("item", filter=ours, distinct=True),
        by_person=Count("item", filter=Q(how="by_person"), distinct=True),
    )
    return dict(counted)


def _attempts_of(plan: ReplayPlan) -> dict[str, Any]:
    """The requests it made: of what it has let go, those beyond what had been tried before. What somebody let go again
    when it was over counts no more.
    """
    let_go = going(plan).filter(let_go_at__isnull=False)
    rows = Attempt.objects.filter(item__plan_items__in=let_go, number__gt=F("item__plan_items__tries"))
    ours = Q(item__release=plan.release_id)
    if plan.finished_at is not None:
        ours |= Q(started_at__lt=plan.finished_at)
    rows = rows.filter(ours).exclude(outcome__in=NOT_REQUESTS)
    return rows.aggregate(all=Count("pk"), accepted=Count("pk", filter=ACCEPTED))


def _doubled(plan: ReplayPlan) -> int:
    """Payloads with two lines in the ledger; of a target that may act twice, also those it took twice."""
    lines = Delivered.objects.filter(item=OuterRef("item_id")).order_by().values("item")
    twice = Exists(lines.annotate(count=Count("pk")).filter(count__gt=1))
    taken = Attempt.objects.filter(ACCEPTED, item=OuterRef("item_id")).order_by().values("item")
    again = Exists(taken.annotate(count=Count("pk")).filter(count__gt=1))
    return going(plan).filter(twice if plan.target.idempotent else twice | again).count()


def bad_ratio(progress: Progress) -> Decimal:
    """The share of what has ended that ended badly; 0 while nothing has."""
    return Decimal(progress.bad) / progress.ended if progress.ended else Decimal(0)
