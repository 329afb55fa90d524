"""Reads about policies: who sees which, what was decided and whether it replays, what a policy would have decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from opsportal.catalog import queries as catalog
from opsportal.catalog.models import Automation, ExperimentPermission, Freeze, FreezeOverride, FreezeQuerySet
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.queries import visible_teams
from slos.budgets.engine.windows import midnight
from slos.budgets.knowledge import watermark
from slos.models import Decision, Policy, Slo, Standing
from slos.policy import engine, judging, readings
from slos.policy.conflicts import Conflict, Judgeable, Wording, find_conflicts, frozen_and_allowed
from slos.policy.engine import DAY, Outcome
from slos.policy.judging import Judged
from slos.policy.rules import Rule, Verdict, rule_of, rules_of
from slos.policy.scope import covers, judged_slos, slos_of, visible_freezes

MOST_DAYS = 400
MOST_ROWS = 20_000
FREEZE_STATES = ("planned", "in_force", "overridden", "ended", "expired")
# A chain of verdicts is begun so many days before the first that is asked for: what stood then may stand on.
RUN_UP = 28


def list_policies(principal: Principal | None) -> QuerySet[Policy]:
    """Those over everything, over one's teams, over automations one may see."""
    rows = Policy.objects.select_related("team", "automation")
    teams = visible_teams(principal)
    if teams is None:
        return rows
    own = Q(automation__in=Automation.objects.visible_to(principal))
    return rows.filter(Q(scope=Freeze.Scope.ALL) | Q(team__in=teams) | own)


def get_policy(slug: str, *, principal: Principal | None) -> Policy:
    """The policy of that slug as far as `principal` may see it; raises NotFound."""
    policy = list_policies(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if policy is None:
        raise NotFound("unknown_policy", f"There is no policy “{slug[:60]}”.")
    return policy


def shown(policy: Policy) -> dict[str, Any]:
    """The policy as versions, the trail and the API write it."""
    return {
        "name": policy.name,
        "description": policy.description,
        "scope": policy.scope,
        "team": policy.team.slug if policy.team else None,
        "automation": policy.automation.slug if policy.automation else None,
        "rules": policy.rules,
    }


def list_decisions(principal: Principal | None) -> QuerySet[Decision]:
    """What was decided of automations one may see, newest first."""
    rows = Decision.objects.select_related("policy_version__policy", "slo", "automation", "freeze")
    if visible_teams(principal) is None:
        return rows
    return rows.filter(automation__in=Automation.objects.visible_to(principal))


def list_freezes(principal: Principal | None) -> FreezeQuerySet:
    """Freezes one may see, with what began them."""
    rows = visible_freezes(principal).select_related("budget__policy", "budget__slo", "team", "automation")
    return rows.select_related("acknowledged_by").prefetch_related("overrides__requested_by", "overrides__approved_by")


def get_freeze(key: int, *, principal: Principal | None) -> Freeze:
    freeze = list_freezes(principal).filter(pk=key).first() if key < 2**63 else None
    if freeze is None:
        raise NotFound("unknown_freeze", "There is no such freeze.")
    return freeze


def freeze_state(freeze: Freeze, at: datetime) -> str:
    """in_force, overridden, ended (before its time), expired, or planned."""
    if freeze.lifted_at is not None and freeze.lifted_at <= at:
        return "ended"
    if freeze.until <= at:
        return "expired"
    if at < freeze.from_at:
        return "planned"
    is_aside = any(each.from_at <= at < each.until for each in freeze.overrides.all())
    return "overridden" if is_aside else "in_force"


def in_state(rows: QuerySet[Freeze], state: str, at: datetime) -> QuerySet[Freeze]:
    """Of these the freezes that freeze_state() says are in `state`."""
    standing, in_force = Freeze.objects.standing(at), Freeze.objects.in_force(at)
    if state == "in_force":
        return rows.filter(pk__in=in_force)
    if state == "overridden":
        return rows.filter(pk__in=standing).exclude(pk__in=in_force)
    if state == "ended":
        return rows.filter(lifted_at__lte=at)
    rows = rows.filter(Q(lifted_at=None) | Q(lifted_at__gt=at))
    return rows.filter(until__lte=at) if state == "expired" else rows.filter(from_at__gt=at)


# --- how everything stands ---


def list_conflicts(principal: Principal | None, at: datetime) -> list[Conflict]:
    """Rules in force that contradict each other or can never act, as far as one may see what they cover."""
    return conflicts_between(list(list_policies(principal)), principal, at)


def conflicts_between(policies: Sequence[Policy], principal: Principal | None, at: datetime) -> list[Conflict]:
    """The same of policies that are at hand: one query."""
    visible = judged_slos().filter(automation__in=Automation.objects.visible_to(principal))
    slos = list(_flagged(visible, at, of="automation"))
    wordings = [
        Wording(
            policy.name,
            rules_of(policy.rules),
            [
                Judgeable(slo.name, str(slo.target), slo.automation.pk)
                for slo in slos
                if slo.automation and covers(policy, slo.automation)
            ],
        )
        for policy in policies
        if policy.state == "active"
    ]
    both = {str(slo.automation) for slo in slos if slo.is_frozen and slo.may_experiment}
    return [*find_conflicts(wordings), *frozen_and_allowed(sorted(both))]


def list_standings(principal: Principal | None, at: datetime) -> QuerySet[Standing]:
    """How each SLO stands under each policy in force, with `is_frozen`, `is_set_aside` and `may_experiment` of its
    automation at `at`.
    """
    visible = Automation.objects.visible_to(principal)
    rows = Standing.objects.filter(policy__state="active", slo__state="active", slo__automation__in=visible)
    flagged: Any = _flagged(rows.select_related("policy", "slo__automation__team"), at, of="slo__automation")
    ordered: QuerySet[Standing] = flagged.order_by("-is_frozen", "-is_set_aside", "slo__automation__name", "pk")
    return ordered


def _flagged(rows: QuerySet[Any], at: datetime, *, of: str) -> QuerySet[Any]:
    mine = Q(scope=Freeze.Scope.ALL) | Q(scope=Freeze.Scope.AUTOMATION, automation=OuterRef(of))
    mine |= Q(scope=Freeze.Scope.TEAM, team=OuterRef(f"{of}__team"))
    permissions = ExperimentPermission.objects.filter(Q(until=None) | Q(until__gt=at), from_at__lte=at)
    flagged: QuerySet[Any] = rows.annotate(
        is_frozen=Exists(Freeze.objects.in_force(at).filter(mine)),
        is_set_aside=Exists(Freeze.objects.standing(at).filter(mine)),
        may_experiment=Exists(permissions.filter(automation=OuterRef(of))),
    )
    return flagged


def standing_freezes(principal: Principal | None, at: datetime) -> QuerySet[Any]:
    """Freezes that have not ended, each with `is_set_aside`: one query."""
    aside = FreezeOverride.objects.filter(freeze=OuterRef("pk"), from_at__lte=at, until__gt=at)
    return visible_freezes(principal).standing(at).annotate(is_set_aside=Exists(aside))


def permission(automation: Automation, at: datetime) -> ExperimentPermission | None:
    """What lets an automation experiment at `at`; the gate asks the same."""
    return catalog.get_permission(automation, at)


# --- replay ---


def replay_decision(decision: Decision) -> Outcome:
    """Judge the stored inputs again by the wording of then. A decision holds when the verdict comes out the same."""
    rule = rule_at(decision.policy_version.definition, decision.rule)
    if decision.verdict == Verdict.FREEZE_ENDED:
        return engine.judge_end(rule, decision.inputs)
    return engine.judge(rule, decision.inputs)


def replays(decision: Decision) -> bool:
    outcome = replay_decision(decision)
    return (str(outcome.verdict), outcome.held) == (decision.verdict, decision.held) and (
        outcome.evidence == decision.evidence
    )


def rule_at(definition: Mapping[str, Any], slug: str) -> Rule:
    return rule_of(next(rule for rule in definition["rules"] if rule["slug"] == slug))


# --- dry run ---


@dataclass(frozen=True, slots=True)
class WouldBe:
    """What a rule would have said of an SLO, at the instant its day was over."""

    slo: Slo
    at: datetime
    judged: Judged


def dry_run(
    policy: Policy, *, from_at: datetime, until: datetime, at: datetime, principal: Principal | None
) -> list[WouldBe]:
    """What the policy as it stands would have decided of the days that ended in [from_at, until), by what is known at
    `at`. Nothing is written. Raises InvalidInput at from and to.
    """
    if not from_at < until:
        raise InvalidInput("bad_span", "The span ends before it begins.", field="to")
    if until - from_at > MOST_DAYS * DAY:
        raise InvalidInput("span_too_long", f"At most {MOST_DAYS} days at once.", field="from")
    mark = watermark()
    if mark is None:
        return []
    visible = Automation.objects.visible_to(principal)
    slos = list(slos_of(policy).filter(automation__in=visible))
    rules = rules_of(policy.rules)
    found = sorted(_would_be(slos, rules, from_at, min(until, mark.at, at)), key=lambda one: (one.at, one.slo.slug))
    if len(found) > MOST_ROWS:
        raise InvalidInput("span_too_long", f"More than {MOST_ROWS:,} rows; ask for a shorter span.", field="from")
    return found


def _would_be(slos: Sequence[Slo], rules: Sequence[Rule], from_at: datetime, until: datetime) -> Iterator[WouldBe]:
    if not slos or from_at >= until:
        return
    first_asked = min(_local_day(from_at, slo) for slo in slos) - DAY
    first = min(readings.first_day_needed(rules, slo, first_asked - RUN_UP * DAY) for slo in slos)
    last = max(_local_day(until, slo) for slo in slos)
    series = readings.series_of_many(slos, first, last)
    for slo in slos:
        yield from _chain(slo, rules, series[slo.pk], from_at, until)


def _chain(
    slo: Slo, rules: Sequence[Rule], series: engine.Series, from_at: datetime, until: datetime
) -> Iterator[WouldBe]:
    zone, before = ZoneInfo(slo.timezone), dict[str, str]()
    day = _local_day(from_at, slo) - (RUN_UP + 1) * DAY
    while (end := midnight(day + DAY, zone)) <= until:
        judged = judging.judge_day(rules, slo, series, day, before)
        before = judging.after(before, judged)
        if end > from_at:
            yield from (WouldBe(slo, end, one) for one in judged)
        day += DAY


def _local_day(at: datetime, slo: Slo) -> date:
    return at.astimezone(UTC).astimezone(ZoneInfo(slo.timezone)).date()
