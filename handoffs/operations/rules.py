"""Writing rules: create, change, shadow, activate, retire. An edit makes a new version and touches open records only
when asked (terms.adopt_rule_terms)."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from handoffs.models import Rule, RuleVersion
from handoffs.queries.rules import YOUNG, find_young_first_rule
from handoffs.states import RULE_TRANSITIONS, RuleMode
from handoffs.terms import TERM_NAMES, Terms, read_terms, require_sentences, terms_of
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.calendars.operations import UNCHANGED
from opsportal.errors import Conflict
from opsportal.identity.models import Team


@transaction.atomic
def create_rule(*, slug: str, name: str, terms: Terms, actor: Actor, now: datetime, team: Team | None = None) -> Rule:
    """A rule in draft, with its first version. Raises InvalidInputs at the fields, Conflict `slug_taken`."""
    columns = read_terms(terms, now=now)
    try:
        with transaction.atomic():
            rule = Rule.objects.create(slug=slug, name=name, team=team, created_at=now)
    except IntegrityError:
        raise Conflict("slug_taken", f"There is a rule “{slug}” already.", field="slug") from None
    rule.current = RuleVersion.objects.create(rule=rule, number=1, created_at=now, **columns)
    rule.save(update_fields=["current"])
    _record(rule, "created", actor=actor, now=now, after=_data(rule))
    return rule


@transaction.atomic
def change_rule(
    rule: Rule,
    *,
    actor: Actor,
    now: datetime,
    terms: Terms | None = None,
    name: str | None = None,
    team: Team | None = UNCHANGED,
    reason: str = "",
) -> Rule:
    """Edit a rule: a new version where the terms differ; name and team stay unless given, and without a team (None) it
    is everybody's. Open handoffs keep their terms.
    """
    rule = _lock(rule)
    before = _data(rule)
    rule.name, rule.team = name or rule.name, rule.team if team is UNCHANGED else team
    columns = read_terms(terms or terms_of(rule), now=now)
    if rule.mode in (RuleMode.ACTIVE, RuleMode.SHADOW):
        require_sentences(columns)
    if any(getattr(rule.terms, key) != value for key, value in columns.items() if key != "note"):
        rule.current = RuleVersion.objects.create(rule=rule, number=rule.terms.number + 1, created_at=now, **columns)
    rule.save()
    after = _data(rule)
    changed = [key for key in after if before[key] != after[key]]
    if changed:
        old, new = {key: before[key] for key in changed}, {key: after[key] for key in changed}
        _record(rule, "changed", actor=actor, now=now, reason=reason, before=old, after=new)
    return rule


@transaction.atomic
def activate_rule(rule: Rule, *, actor: Actor, now: datetime, acknowledge: bool = False, reason: str = "") -> Rule:
    """Let a rule act. Raises InvalidInputs `missing_sentence`; Conflict `first_rule_still_young` for a second rule
    while the first has not run seven days, unless acknowledged with a reason; Conflict `invalid_transition`.
    """
    rule = _lock(rule)
    _check_move(rule, RuleMode.ACTIVE)
    columns = read_terms(terms_of(rule), now=now)
    require_sentences(columns)
    first = find_young_first_rule(rule, now)
    if first is not None and not (acknowledge and reason.strip()):
        raise _still_young(first)
    before = rule.mode
    rule.mode, rule.activated_at, rule.retired_at = RuleMode.ACTIVE, now, None
    rule.save()
    _record(rule, "activated", actor=actor, now=now, reason=reason, before={"mode": before}, after={"mode": rule.mode})
    return rule


@transaction.atomic
def shadow_rule(rule: Rule, *, actor: Actor, now: datetime, reason: str = "") -> Rule:
    """Let a rule compute and show, without consequence. It needs its five sentences too."""
    rule = _lock(rule)
    _check_move(rule, RuleMode.SHADOW)
    require_sentences(read_terms(terms_of(rule), now=now))
    before = rule.mode
    rule.mode, rule.shadow_at, rule.retired_at = RuleMode.SHADOW, now, None
    rule.save()
    _record(rule, "shadowed", actor=actor, now=now, reason=reason, before={"mode": before}, after={"mode": rule.mode})
    return rule


@transaction.atomic
def retire_rule(rule: Rule, *, actor: Actor, now: datetime, reason: str = "") -> Rule:
    """Open no more handoffs under it. Those that are open run to their end."""
    rule = _lock(rule)
    _check_move(rule, RuleMode.RETIRED)
    before = rule.mode
    rule.mode, rule.retired_at = RuleMode.RETIRED, now
    rule.save()
    _record(rule, "retired", actor=actor, now=now, reason=reason, before={"mode": before}, after={"mode": rule.mode})
    return rule


def _lock(rule: Rule) -> Rule:
    """The rule under lock. All rules are locked, in one order: activating looks at the others."""
    list(Rule.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    return Rule.objects.select_related("team", "current__calendar").get(pk=rule.pk)


def _still_young(first: Rule) -> Conflict:
    until = f"{first.activated_at + YOUNG:%Y-%m-%d}" if first.activated_at else ""
    return Conflict(
        "first_rule_still_young",
        f"“{first.name}” has not run for seven days. Start with one: let this rule run in shadow until {until}, "
        "or activate it now with a reason.",
    )


def _check_move(rule: Rule, mode: RuleMode) -> None:
    if mode not in RULE_TRANSITIONS[RuleMode(rule.mode)]:
        raise Conflict("invalid_transition", f"This rule is {rule.mode}, so that cannot be done now.", field="mode")


def _data(rule: Rule) -> dict[str, Any]:
    """A rule for the trail: people and calendar by their names."""
    terms = {name: getattr(rule.terms, name) for name in TERM_NAMES if name != "note"}
    people = ("default_owner", "default_backup_owner", "fallback_person")
    return {
        "name": rule.name,
        "team": rule.team.slug if rule.team else "",
        "mode": rule.mode,
        "version": rule.terms.number,
        **terms,
        **{name: terms[name].username if terms[name] else "" for name in people},
        "calendar": rule.terms.calendar.slug,
    }


def _record(
    rule: Rule,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        Draft(
            actor=actor,
            action=f"rule.{action}",
            subject=Subject("rule", rule.slug, rule.name),
            at=now,
            rule=rule.slug,
            team=rule.team.slug if rule.team else "",
            reason=reason,
            before=before or {},
            after=after or {},
        )
    )
