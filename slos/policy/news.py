"""Who hears of what a policy decided: the trail, the owner, ops leads of the team, leadership, subscribers."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from opsportal import trace
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Automation, ExperimentPermission, Freeze
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import people_with_role
from opsportal.identity.roles import Role
from opsportal.notify import operations as notify
from opsportal.notify.engine import Event, Notice
from opsportal.web import words as web
from slos.models import BudgetFreeze, Policy, Slo
from slos.policy import words
from slos.policy.judging import Judged
from slos.policy.scope import other_freezes, team_of


def freeze_started(budget: BudgetFreeze, *, actor: Actor, now: datetime) -> None:
    freeze = budget.freeze
    covered = words.scope_of(freeze)
    _record_freeze(budget, "started", actor=actor, now=now, reason=freeze.reason, until=web.utc(freeze.until))
    body = f"{freeze.reason} It ends by itself when things are calm, at the latest on {web.utc(freeze.until)}. "
    body += "Fixes and security changes go ahead."
    key = f"freeze:{_oldest_running(budget)}:started"
    title = f"Frozen: new features and experiments of {covered}"
    _tell_of_freeze([budget], "started", title, body, key, now)


def freeze_ended(budget: BudgetFreeze, *, reason: str, actor: Actor, now: datetime) -> None:
    _record_freeze(budget, "ended", actor=actor, now=now, reason=reason)
    covered, others = words.scope_of(budget.freeze), words.others(other_freezes(budget.freeze, now))
    if others:
        title, reason = f"One freeze fewer, not the last: {covered}", " ".join([reason, *others])
        _tell_of_freeze([budget], "ended", title, reason, f"freeze:{budget.pk}:ended", now)
    else:
        title, key = f"No longer frozen: new features and experiments of {covered}", f"freeze:{_newest(budget)}:over"
        _tell_of_freeze(_unbroken(budget), "ended", title, reason, key, now)


def freeze_overridden(freeze: Freeze, *, until: datetime, reason: str, people: str, now: datetime) -> None:
    """Owner, ops leads and leadership hear that two people set a freeze aside."""
    automation = _automation_of(freeze)
    title = f"Freeze set aside until {web.utc(until)}: {words.scope_of(freeze)}"
    body = f"{people}. Why: {reason}"
    key = f"override:{freeze.pk}:{until:%Y%m%d%H%M}"
    named = [automation] if automation else []
    notify.tell_many(_notices(named, freeze.team, title, body, key, _freeze_url(freeze)), now)
    _publish(freeze, "overridden", {"override_until": web.iso(until)}, now)


def policy_moved(policy: Policy, what: str, *, actor: Actor, reason: str, now: datetime) -> None:
    """Leadership hears that rules in force were changed or retired; freezes that run are untouched by it."""
    leadership = people_with_role(Role.VIEWER).filter(Q(team=None) | Q(team=policy.team) if policy.team else Q())
    title = f"Budget policy {what}: {policy.name}"
    body = f"By {actor.label}. {reason or 'No reason was given.'} Freezes that run end by the wording they began under."
    key = f"policy:{policy.pk}:{what}:{policy.version}"
    _tell(leadership, title, body, key, reverse("policy:page"), policy.team, now)


def review_called(slo: Slo, judged: Judged, *, actor: Actor, now: datetime) -> None:
    automation = slo.automation
    assert automation is not None  # noqa: S101 - judged_slos() has only those
    audit.record(
        Draft(
            actor=actor,
            action="policy.review_called",
            subject=Subject("automation", automation.slug, automation.name),
            at=now,
            rule=judged.rule.slug,
            team=automation.team.slug if automation.team else "",
            reason=judged.sentence,
        )
    )
    title = f"Leadership review and a stability sprint: {automation.name}"
    body = f"{judged.sentence} The policy asks leadership to look at it and the team to spend a sprint on stability."
    key = f"review:{slo.pk}:{judged.rule.slug}:{judged.day}"
    url = reverse("policy:page")
    notify.tell_many(_notices([automation], team_of(automation), title, body, key, url), now)


def experiments_allowed(permission: ExperimentPermission, *, now: datetime) -> None:
    automation = permission.automation
    title = f"Experiments are allowed: {automation.name}"
    body = f"{permission.reason.capitalize()}. The permission ends with the first week that is not."
    url = reverse("catalog:automation", args=[automation.slug])
    team = [automation.owner, automation.backup_owner]
    _tell(team, title, body, f"permission:{permission.pk}", url, automation.team, now)


def _tell_of_freeze(budgets: Sequence[BudgetFreeze], what: str, title: str, body: str, key: str, now: datetime) -> None:
    """Of the first; whoever answers for what the others rest on hears of it, too."""
    budget, freeze = budgets[0], budgets[0].freeze
    team = freeze.team or (team_of(budget.slo.automation) if budget.slo.automation else None)
    named = [one.slo.automation for one in budgets if one.slo.automation]
    notify.tell_many(_notices(named, team, title, body, key, _freeze_url(freeze)), now)
    _publish(freeze, what, {"policy": budget.policy.slug, "rule": budget.rule, "slo": budget.slo.slug}, now)


def _oldest_running(budget: BudgetFreeze) -> int:
    """The oldest running freeze by the same rule over the same: nobody is told twice that it is frozen."""
    running = _over_the_same(budget.freeze).filter(policy=budget.policy, rule=budget.rule, ended_at=None)
    return running.order_by("pk").values_list("pk", flat=True)[0]


def _newest(budget: BudgetFreeze) -> int:
    """The newest freeze over the same: of those that run out together nobody is told twice that all is free."""
    return _over_the_same(budget.freeze).order_by("-pk").values_list("pk", flat=True)[0]


def _unbroken(budget: BudgetFreeze) -> list[BudgetFreeze]:
    """The one that ended last, and those over the same before it without a gap: to people one freeze."""
    found, began_at = [budget], budget.freeze.from_at
    earlier = _over_the_same(budget.freeze).exclude(pk=budget.pk).filter(ended_at__isnull=False)
    named = ("freeze", "slo__automation__owner", "slo__automation__backup_owner")
    for one in earlier.select_related(*named).order_by("-ended_at"):
        if one.ended_at is None or one.ended_at <= began_at:
            break
        found.append(one)
        began_at = min(began_at, one.freeze.from_at)
    return found


def _over_the_same(freeze: Freeze) -> QuerySet[BudgetFreeze]:
    return BudgetFreeze.objects.filter(
        freeze__scope=freeze.scope, freeze__team=freeze.team, freeze__automation=freeze.automation
    )


def _publish(freeze: Freeze, what: str, more: dict[str, Any], now: datetime) -> None:
    data = {
        "id": freeze.pk,
        "scope": freeze.scope,
        "team": freeze.team.slug if freeze.team else None,
        "automation": freeze.automation.slug if freeze.automation else None,
        "from": web.iso(freeze.from_at),
        "until": web.iso(freeze.until),
        "reason": freeze.reason,
        **more,
    }
    event = Event(
        event_type=f"freeze.{what}",
        data=data,
        key=f"freeze:{freeze.pk}:{what}:{now:%Y%m%d%H%M%S}",
        trace_id=trace.current_trace_id(),
        team=freeze.team.slug if freeze.team else "",
    )
    notify.publish_many([event], now)


def _notices(
    automations: Iterable[Automation], team: Team | None, title: str, body: str, key: str, url: str
) -> list[Notice]:
    """For owners, backups, the ops leads of the team (all of them where it has none) and leadership."""
    leads = people_with_role(Role.OPS_LEAD)
    of_team = leads.filter(team=team) if team else leads
    people = list(of_team) or list(leads)
    people += people_with_role(Role.VIEWER).filter(Q(team=None) | Q(team=team) if team else Q())
    people += [who for one in automations for who in (one.owner, one.backup_owner) if who]
    return _of_people(people, title, body, key, url, team)


def _tell(
    people: Iterable[Person | None], title: str, body: str, key: str, url: str, team: Team | None, now: datetime
) -> None:
    notify.tell_many(_of_people([one for one in people if one], title, body, key, url, team), now)


def _of_people(people: Iterable[Person], title: str, body: str, key: str, url: str, team: Team | None) -> list[Notice]:
    """Each once."""
    return [
        Notice(
            person=person,
            topic="policy",
            title=title[:200],
            body=body,
            key=f"{key}:{person.pk}",
            trace_id=trace.current_trace_id(),
            url=url,
            team=team.slug if team else "",
        )
        for person in {one.pk: one for one in people if one.is_active}.values()
    ]


def _automation_of(freeze: Freeze) -> Automation | None:
    budget = BudgetFreeze.objects.filter(pk=freeze.pk).select_related("slo__automation__owner").first()
    return budget.slo.automation if budget is not None else freeze.automation


def _freeze_url(freeze: Freeze) -> str:
    return reverse("policy:freeze", args=[freeze.pk])


def _record_freeze(budget: BudgetFreeze, what: str, *, actor: Actor, now: datetime, reason: str, **extra: str) -> None:
    freeze = budget.freeze
    audit.record(
        Draft(
            actor=actor,
            action=f"freeze.{what}",
            subject=Subject("freeze", str(freeze.pk), f"the freeze of {words.scope_of(freeze)}"),
            at=now,
            rule=budget.rule,
            team=freeze.team.slug if freeze.team else "",
            reason=reason,
            extra={"policy": budget.policy.slug, "slo": budget.slo.slug, **extra},
        )
    )
