"""Reads about targets: who sees which, and how each of them fares."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
from opsportal.web import words
from runbooks.models import ReplayItem, ReplayTarget, TargetHealth
from runbooks.states import ItemState

WAITING = Q(state__in=[ItemState.PENDING, ItemState.FAILED, ItemState.LEASED])
UNDECIDED = Q(state__in=[ItemState.DEAD, ItemState.IN_DOUBT])


def list_targets(principal: Principal | None) -> QuerySet[ReplayTarget]:
    """What `principal` may see, with health and with what waits: as many queries for many as for one."""
    return with_counts(ReplayTarget.objects.visible_to(principal))


def with_counts(targets: QuerySet[ReplayTarget]) -> QuerySet[ReplayTarget]:
    """The same, each with `waiting_count`, `undecided_count` and `oldest_at` of what has not arrived."""
    oldest = _unfinished(Q()).annotate(oldest=Min("received_at")).values("oldest")
    return targets.select_related("automation__team", "team", "health").annotate(
        waiting_count=_count(WAITING), undecided_count=_count(UNDECIDED), oldest_at=Subquery(oldest)
    )


def _count(which: Q) -> Coalesce:
    return Coalesce(Subquery(_unfinished(which).annotate(count=Count("pk")).values("count")), 0)


def _unfinished(which: Q) -> QuerySet[ReplayItem, Any]:
    return ReplayItem.objects.filter(which, target=OuterRef("pk"), finished_at=None).order_by().values("target")


def get_target(slug: str, principal: Principal | None) -> ReplayTarget:
    """The target of that slug as far as `principal` may see it; raises NotFound."""
    found = list_targets(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if found is None:
        raise NotFound("unknown_target", f"There is no replay target “{slug[:60]}”.")
    return found


def team_of(target: ReplayTarget) -> Team | None:
    return target.automation.team if target.automation else target.team


@dataclass(frozen=True, slots=True)
class Fare:
    """How a target fares: a word, one sentence why, and what waits for it."""

    word: str
    sentence: str
    waiting: int
    undecided: int
    oldest_at: datetime | None


def fare_of(target: ReplayTarget, at: datetime) -> Fare:
    """The one verdict for page and API. A target that was not read by `list_targets` is counted now."""
    known: Any = target
    if not hasattr(target, "waiting_count"):
        known = with_counts(ReplayTarget.objects.filter(pk=target.pk)).get()
    word, sentence = _verdict(target, health_of(known), at)
    return Fare(word, sentence, known.waiting_count, known.undecided_count, known.oldest_at)


def health_of(target: ReplayTarget) -> TargetHealth:
    """Its health; one that nothing was sent to yet has an empty one."""
    try:
        return target.health
    except TargetHealth.DoesNotExist:
        return TargetHealth(target=target)


def _verdict(target: ReplayTarget, health: TargetHealth, at: datetime) -> tuple[str, str]:
    if target.stopped_at is not None:
        return "stopped", f"Nothing is sent: {target.stop_reason or 'somebody stopped it'}."
    if health.opened_at is not None and health.probe_at is not None:
        left = (health.probe_at - at).total_seconds()
        when = "now" if left <= 0 else f"in {words.duration(left)}"
        return "open", f"It failed {health.failures} times in a row, so only one request tries it, {when}."
    if health.failures:
        return "failing", f"It failed {health.failures} times in a row; five in a row stop the queue."
    if health.last_success_at is None:
        return "unused", "Nothing has been sent to it yet."
    return "well", "It answers."
