"""What follows from verdicts: decisions with their evidence, freezes that begin and end, reviews, permissions. Days are
judged in order, one transaction for each SLO; several sweepers may run at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from opsportal import trace
from opsportal.approvals import operations as approvals
from opsportal.audit.engine import Actor, Subject
from opsportal.catalog.models import Freeze
from slos.models import BudgetFreeze, Decision, Policy, PolicyVersion, Slo, Standing
from slos.policy import judging, news, words
from slos.policy.engine import DAY, Series
from slos.policy.judging import Judged
from slos.policy.permissions import settle_permissions
from slos.policy.rules import Rule, Then, Verdict, rule_of, rules_of
from slos.policy.scope import freeze_scope
from slos.policy.turns import take_turn

CLOCKWORK = Actor.system("budget policy")


@dataclass(frozen=True, slots=True)
class Case:
    """A policy as it stands now and an SLO to be judged by it. `ends_only`: the policy covers it no more, but a freeze
    that began under it has still to end.
    """

    policy: Policy
    version: PolicyVersion
    slo: Slo
    series: Series
    last: date
    ends_only: bool = False

    @property
    def rules(self) -> list[Rule]:
        return [] if self.ends_only else rules_of(self.version.definition["rules"])


@dataclass(frozen=True, slots=True)
class _Entry:
    """A decision before it is written: the wording it went by, and the freeze it began, found running or ended."""

    judged: Judged
    version: PolicyVersion
    budget: BudgetFreeze | None = None


@transaction.atomic
def decide(case: Case, *, now: datetime) -> int:
    """Judge every complete day that has not been judged yet; answers how many decisions were made."""
    standing = _claim(case)
    if standing is None or standing.day >= case.last:
        return 0
    count, day = 0, standing.day + DAY
    while day <= case.last:
        count += _decide_day(case, standing, day, now)
        day += DAY
    standing.save(update_fields=["day", "verdicts"])
    return count


def _claim(case: Case) -> Standing | None:
    """The row that says how far this was judged, locked; None when another sweeper holds it. A new one begins with the
    newest complete day: the past before a policy was in force stays undecided.
    """
    same = {"policy": case.policy, "slo": case.slo}
    Standing.objects.get_or_create(**same, defaults={"day": case.last - DAY})
    # Of itself alone: its ordering joins the policy, which another sweeper holds while it freezes by it.
    return Standing.objects.select_for_update(skip_locked=True, of=("self",)).filter(**same).first()


def _decide_day(case: Case, standing: Standing, day: date, now: datetime) -> int:
    judged = judging.judge_day(case.rules, case.slo, case.series, day, standing.verdicts)
    running = _running(case)
    ended = list(_end_freezes(case, running, judged, day, now))
    for one in judged:
        if one.verdict is Verdict.FREEZE and not one.outcome.held and one.rule.slug not in running:
            running[one.rule.slug] = _begin(case, one, now)
        elif one.verdict is Verdict.REVIEW and standing.verdicts.get(one.rule.slug) != Verdict.REVIEW:
            news.review_called(case.slo, one, actor=CLOCKWORK, now=now)
    entries = [_Entry(one, case.version, _of(one, running)) for one in judged] + ended
    _write(case, entries, now)
    standing.day, standing.verdicts = day, judging.after(standing.verdicts, judged)
    if any(one.rule.then is Then.EXPERIMENT for one in judged):
        _settle(case, standing, now)
    return len(entries)


def _of(judged: Judged, running: Mapping[str, BudgetFreeze]) -> BudgetFreeze | None:
    return running.get(judged.rule.slug) if judged.verdict is Verdict.FREEZE else None


def _settle(case: Case, standing: Standing, now: datetime) -> None:
    """A permission asks how every SLO of the automation stands, this one included."""
    standing.save(update_fields=["day", "verdicts"])
    automations = [case.slo.automation] if case.slo.automation else []
    for permission in settle_permissions(automations, actor=CLOCKWORK, now=now):
        news.experiments_allowed(permission, now=now)


# --- freezes ---


def _running(case: Case) -> dict[str, BudgetFreeze]:
    """By rule; one that has run out by the clock is closed by expire_freezes."""
    rows = BudgetFreeze.objects.select_for_update(of=("self",)).select_related("freeze", "policy_version")
    return {each.rule: each for each in rows.filter(policy=case.policy, slo=case.slo, ended_at=None)}


def _begin(case: Case, judged: Judged, now: datetime) -> BudgetFreeze:
    assert case.slo.automation is not None  # noqa: S101 - judged_slos() has only those
    take_turn()
    freeze = Freeze.objects.create(
        **freeze_scope(judged.rule, case.slo.automation),
        kind=Freeze.Kind.BUDGET,
        from_at=now,
        until=now + timedelta(days=judged.rule.expires_days),
        reason=words.freeze_reason(judged.sentence),
        created_at=now,
    )
    budget = BudgetFreeze.objects.create(
        freeze=freeze,
        policy=case.policy,
        policy_version=case.version,
        rule=judged.rule.slug,
        slo=case.slo,
        day=judged.day,
    )
    news.freeze_started(budget, actor=CLOCKWORK, now=now)
    return budget


def _end_freezes(
    case: Case, running: dict[str, BudgetFreeze], judged: Iterable[Judged], day: date, now: datetime
) -> Iterator[_Entry]:
    """End what is over on this day, by the wording it began under, and take it out of `running`."""
    again = {one.rule.slug for one in judged if one.verdict is Verdict.FREEZE and not one.outcome.held}
    for slug, budget in list(running.items()):
        if slug in again or day <= budget.day:
            continue
        ending = judging.judge_end(_rule_at_start(budget), case.slo, case.series, day, budget.day)
        if ending.verdict is Verdict.FREEZE_ENDED:
            end_freeze(budget, reason=ending.sentence, now=now)
            del running[slug]
            yield _Entry(ending, budget.policy_version, budget)


def _rule_at_start(budget: BudgetFreeze) -> Rule:
    rules = budget.policy_version.definition["rules"]
    return rule_of(next(rule for rule in rules if rule["slug"] == budget.rule))


@transaction.atomic
def end_freeze(budget: BudgetFreeze, *, reason: str, now: datetime, expired: bool = False) -> bool:
    """Lift a freeze, once; requests to override it no longer hold."""
    if BudgetFreeze.objects.filter(pk=budget.pk, ended_at=None).update(ended_at=now) == 0:
        return False
    take_turn()
    freeze = budget.freeze
    if not expired:
        freeze.lifted_at, freeze.lifted_reason = now, words.freeze_reason(reason)
        freeze.save(update_fields=["lifted_at", "lifted_reason"])
    subject = Subject("freeze", str(freeze.pk), str(freeze))
    approvals.void_approvals(subject=subject, actor=CLOCKWORK, reason="The freeze is over.", now=now, wait=False)
    news.freeze_ended(budget, reason=reason, actor=CLOCKWORK, now=now)
    return True


def expire_freezes(now: datetime, *, limit: int = 200) -> int:
    """Close those whose time is up. Where their rule still holds, the next day freezes anew."""
    over = BudgetFreeze.objects.filter(ended_at=None, freeze__until__lte=now).select_related("freeze", "slo", "policy")
    return sum(
        end_freeze(each, reason="Its time is up; a freeze is never for ever.", now=now, expired=True)
        for each in over.order_by("pk")[:limit]
    )


# --- decisions ---


def _write(case: Case, entries: Iterable[_Entry], now: datetime) -> None:
    Decision.objects.bulk_create([_row(case, one, now) for one in entries], ignore_conflicts=True)


def _row(case: Case, entry: _Entry, now: datetime) -> Decision:
    judged = entry.judged
    is_end = judged.verdict is Verdict.FREEZE_ENDED
    return Decision(
        key=f"{case.policy.pk}:{judged.rule.slug}:{case.slo.pk}:{judged.day}{':end' if is_end else ''}",
        policy_version=entry.version,
        rule=judged.rule.slug,
        slo=case.slo,
        automation=case.slo.automation,
        day=judged.day,
        at=now,
        verdict=str(judged.verdict),
        held=judged.outcome.held,
        sentence=judged.sentence[:400],
        inputs=judged.inputs,
        evidence=judged.outcome.evidence,
        freeze=entry.budget.freeze if entry.budget is not None else None,
        trace_id=trace.current_trace_id(),
    )
