"""Reads about targets: who sees which, and how each of them fares."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
from opsportal.web import words
from runbooks.models import ReplayItem, ReplayTarget, TargetHealth
from runbooks.states import ItemState


def list_targets(principal: Principal | None) -> QuerySet[ReplayTarget]:
    return ReplayTarget.objects.visible_to(principal).select_related("automation__team", "team", "health")


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
    """The one verdict for page and API."""
    rows = ReplayItem.objects.filter(target=target).unfinished()
    counted = rows.aggregate(
        waiting=Count("pk", filter=Q(state__in=[ItemState.PENDING, ItemState.FAILED, ItemState.LEASED])),
        undecided=Count("pk", filter=Q(state__in=[ItemState.DEAD, ItemState.IN_DOUBT])),
        oldest=Min("received_at"),
    )
    word, sentence = _verdict(target, health_of(target), at)
    return Fare(word, sentence, counted["waiting"], counted["undecided"], counted["oldest"])


def health_of(target: ReplayTarget) -> TargetHealth:
    """Its health; one that nothing was sent to yet has an empty one."""
    return TargetHealth.objects.filter(pk=target.pk).first() or TargetHealth(target=target)


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
