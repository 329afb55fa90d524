"""Rules as somebody may see them, and what came of them: shadow results, stages that changed nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from handoffs.models import Handoff, Rule, RuleQuerySet, RuleVersion, StageFiring
from handoffs.models.handoffs import RUNNING
from handoffs.states import RuleMode
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal

YOUNG = timedelta(days=7)  # so long the first rule runs before the next one starts without a reason


@dataclass(frozen=True, slots=True)
class ShadowResult:
    """What a rule in shadow would have done in [from_at, until): "would have reassigned 4 last week"."""

    from_at: datetime
    until: datetime
    handoffs: int
    alerted: int
    breached: int
    reassigned: int
    nobody_left: int
    escalated: int


def list_rules(principal: Principal | None) -> RuleQuerySet:
    """The rules somebody may see, with their terms."""
    people = ("current__default_owner", "current__default_backup_owner", "current__fallback_person")
    return Rule.objects.visible_to(principal).select_related("team", "current__calendar", *people)


def get_rule(principal: Principal | None, slug: str) -> Rule:
    """One rule; raises NotFound."""
    rule = list_rules(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if rule is None:
        raise NotFound("unknown_rule", f"There is no rule “{slug[:60]}”.")
    return rule


def list_versions(rule: Rule) -> QuerySet[RuleVersion]:
    """Every version of a rule, the one in force first."""
    return rule.versions.select_related("calendar").order_by("-number")


def find_young_first_rule(rule: Rule, now: datetime) -> Rule | None:
    """The first of the other active rules, while it is so young that activating this one takes a reason."""
    first = Rule.objects.filter(mode=RuleMode.ACTIVE).exclude(pk=rule.pk).order_by("activated_at").first()
    return first if first and first.activated_at and first.activated_at > now - YOUNG else None


def count_running(rule_ids: Collection[int], now: datetime) -> dict[int, tuple[int, int]]:
    """Rule id -> how many of its handoffs run and how many of those are late, by one query over what runs."""
    late = Count("started_at", filter=Q(missed_from__lte=now, historical=False))
    rows = Handoff.objects.filter(RUNNING, rule__in=list(rule_ids)).order_by().values_list("rule_id")
    counted = rows.annotate(running=Count("started_at"), late=late)
    return {rule_id: (running, of_those_late) for rule_id, running, of_those_late in counted}


def count_open_by_version(rule: Rule) -> dict[int, int]:
    """How many running handoffs count by which version: what adopting the newest would touch."""
    rows = Handoff.objects.filter(RUNNING, rule=rule).order_by().values_list("rule_version__number")
    return dict(rows.annotate(Count("pk")))


def shadow_result(rule: Rule, *, from_at: datetime, until: datetime) -> ShadowResult:
    """Count what the stages that fired in shadow would have done, by one statement."""
    fired = StageFiring.objects.filter(rule_version__rule=rule, shadow=True, fired_at__gte=from_at, fired_at__lt=until)
    counts = fired.order_by().aggregate(
        handoffs=Count("handoff", distinct=True),
        alerted=Count("pk", filter=Q(outcome__has_key="alerted")),
        breached=Count("pk", filter=Q(outcome__has_key="breached")),
        reassigned=Count("pk", filter=Q(outcome__has_key="owner_after")),
        nobody_left=Count("pk", filter=Q(outcome__has_key="kept")),
        escalated=Count("pk", filter=Q(outcome__has_key="escalated")),
    )
    return ShadowResult(from_at=from_at, until=until, **counts)


def list_shadow_firings(rule: Rule, *, from_at: datetime, until: datetime) -> QuerySet[StageFiring]:
    """The stages that came due in shadow, newest first, each with its handoff."""
    fired = StageFiring.objects.filter(rule_version__rule=rule, shadow=True, fired_at__gte=from_at, fired_at__lt=until)
    return fired.select_related("handoff").order_by("-fired_at", "-id")
