"""Permissions to experiment: one automation at a time, as long as every SLO of it has stayed healthy."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Automation, ExperimentPermission
from slos.models import Policy, Slo, Standing
from slos.policy.rules import Rule, Then, Verdict, rules_of
from slos.policy.scope import covers, judged_slos
from slos.policy.turns import take_turn


def settle_permissions(
    automations: Collection[Automation] | None = None, *, actor: Actor, now: datetime
) -> list[ExperimentPermission]:
    """Open and end permissions by how the SLOs of these automations stand (default: of those that have one). Answers
    the new ones. Call it in the transaction of what has changed.
    """
    take_turn()
    going_on = ExperimentPermission.objects.filter(until=None).select_related("automation__team")
    if automations is None:
        automations = [each.automation for each in going_on]
    held = {each.automation_id: each for each in going_on.filter(automation__in=[one.pk for one in automations])}
    earned = _earned(automations)
    opened = []
    for automation in automations:
        rule = earned.get(automation.pk)
        if rule is not None and automation.pk not in held:
            opened.append(_open(automation, rule, actor, now))
        elif rule is None and automation.pk in held:
            _end(held[automation.pk], actor, now)
    return opened


def _earned(automations: Iterable[Automation]) -> dict[int, Rule]:
    """Of these the automations whose every judged SLO was found healthy by every rule that may allow experiments."""
    by_key = {one.pk: one for one in automations}
    slos: dict[int, list[Slo]] = defaultdict(list)
    for slo in judged_slos().filter(automation__in=by_key):
        slos[slo.automation_id or 0].append(slo)
    policies = list(Policy.objects.filter(state="active"))
    verdicts = {
        (each.policy_id, each.slo_id): each.verdicts
        for each in Standing.objects.filter(policy__in=policies, slo__automation__in=by_key)
    }
    earned = {}
    for key, automation in by_key.items():
        asked = [
            (policy.pk, rule)
            for policy in policies
            if covers(policy, automation)
            for rule in rules_of(policy.rules)
            if rule.then is Then.EXPERIMENT
        ]
        found = [
            verdicts.get((policy, slo.pk), {}).get(rule.slug) == Verdict.EXPERIMENT_ALLOWED
            for policy, rule in asked
            for slo in slos[key]
        ]
        if found and all(found):
            earned[key] = asked[0][1]
    return earned


def _open(automation: Automation, rule: Rule, actor: Actor, now: datetime) -> ExperimentPermission:
    reason = f"every SLO burnt healthily for {rule.weeks} complete weeks"
    permission = ExperimentPermission.objects.create(automation=automation, from_at=now, reason=reason)
    _record(automation, "experiments_allowed", actor, now, reason)
    return permission


def _end(permission: ExperimentPermission, actor: Actor, now: datetime) -> None:
    permission.until = now
    permission.save(update_fields=["until"])
    _record(permission.automation, "experiments_withdrawn", actor, now, "the healthy weeks in a row have ended")


def _record(automation: Automation, action: str, actor: Actor, now: datetime, reason: str) -> None:
    audit.record(
        Draft(
            actor=actor,
            action=f"policy.{action}",
            subject=Subject("automation", automation.slug, automation.name),
            at=now,
            reason=reason,
            team=automation.team.slug if automation.team else "",
        )
    )
