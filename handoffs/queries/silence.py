"""Alerts after which nothing moved: stages that fired, and the next one had to fire too. Candidates to prune."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from handoffs.engine.ladder import effective_stages
from handoffs.models import Rule, RuleVersion, StageFiring
from opsportal.audit.models import Entry

MAX_FIRINGS = 5_000  # the newest of the week
CHUNK = 500
AT_ONCE = timedelta(seconds=60)  # so soon after one stage the next gave nobody time to act
NO_MOVES = ("handoff.reason_tagged", "handoff.reason_followed", "handoff.outcome_noted", "handoff.terms_adopted")


@dataclass(frozen=True, slots=True)
class SilentStage:
    """A stage of a rule that told somebody `fired` times; `silent` times nobody did anything before the next stage."""

    rule: Rule
    percent: int
    fired: int
    silent: int

    @property
    def share(self) -> float:
        return self.silent / self.fired

    @property
    def is_candidate(self) -> bool:
        """Whether it is worth asking if this alert is needed: heard less than half the time, and not just once."""
        return self.silent >= 3 and self.share > 0.5


def silent_stages(rules: QuerySet[Rule], from_at: datetime, until: datetime) -> list[SilentStage]:
    """The alerting stages of [from_at, until) after which nothing moved at least once, the most silent first.

    Told apart by what the trail holds between the stage and the next one. The last stage of a ladder has none after
    it, and a stage whose successor fired with it gave nobody time: neither is judged.
    """
    versions = RuleVersion.objects.filter(rule__in=rules).values("pk")
    following = StageFiring.objects.filter(
        handoff=OuterRef("handoff"), cycle=OuterRef("cycle"), percent__gt=OuterRef("percent")
    ).order_by("percent")
    firings = StageFiring.objects.filter(
        Q(outcome__has_key="alerted") | Q(outcome__has_key="notified"),
        rule_version__in=versions, shadow=False, fired_at__gte=from_at, fired_at__lt=until,
    ).annotate(next_at=Subquery(following.values("fired_at")[:1]))  # fmt: skip
    told: Iterable[Any] = firings.select_related("handoff", "rule_version__rule").order_by("-fired_at")[:MAX_FIRINGS]
    judged = [one for one in told if _is_decided(one)]
    moves = _moves([one for one in judged if one.next_at])
    return _summed(judged, moves)


def _is_decided(firing: StageFiring) -> bool:
    last = effective_stages(firing.rule_version.stages)[-1].percent
    next_at: datetime | None = firing.next_at  # type: ignore[attr-defined]
    if firing.percent >= last:
        return False
    if next_at is not None:
        return next_at - firing.fired_at >= AT_ONCE
    return firing.handoff.cycle != firing.cycle or not firing.handoff.is_running


def _summed(judged: list[StageFiring], moves: dict[str, list[datetime]]) -> list[SilentStage]:
    fired: dict[tuple[Rule, int], list[bool]] = defaultdict(list)
    for one in judged:
        fired[one.rule_version.rule, one.percent].append(_is_silent(one, moves))
    found = [SilentStage(rule, percent, len(all_), sum(all_)) for (rule, percent), all_ in fired.items() if any(all_)]
    return sorted(found, key=lambda one: (-one.silent, -one.share, one.rule.name, one.percent))


def _is_silent(firing: StageFiring, moves: dict[str, list[datetime]]) -> bool:
    next_at: datetime | None = firing.next_at  # type: ignore[attr-defined]
    if next_at is None:
        return False
    record = firing.handoff
    facts = (record.first_response_at, record.completed_at) if record.cycle == firing.cycle else ()
    moments = [*moves.get(str(record.pk), []), *filter(None, facts)]
    return not any(firing.fired_at <= moment < next_at for moment in moments)


def _moves(firings: Iterable[StageFiring]) -> dict[str, list[datetime]]:
    """When people and programs did something with these records, from the trail."""
    found: dict[str, list[datetime]] = defaultdict(list)
    keys = sorted({str(one.handoff_id) for one in firings})
    for chunk in _chunks(keys):
        entries = Entry.objects.filter(subject_type="handoff", subject_id__in=chunk, actor_kind__in=["human", "token"])
        for key, at in entries.exclude(action__in=NO_MOVES).order_by().values_list("subject_id", "at"):
            found[key].append(at)
    return found


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(keys), CHUNK):
        yield keys[at : at + CHUNK]
