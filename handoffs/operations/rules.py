"""Writing rules: create, change, shadow, activate, retire. An edit makes a new version and touches open records only
when asked (terms.adopt_rule_terms)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from handoffs.engine import ladder
from handoffs.models import Rule, RuleVersion
from handoffs.states import RULE_TRANSITIONS, Reopen, RuleMode, StopClock
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.calendars.models import Calendar
from opsportal.calendars.queries import business_time, current_version
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.identity.models import Person, Team

SENTENCES = ("trigger", "target", "timer", "trace", "consequence")
QUESTIONS = {
    "trigger": "When exactly does the clock start?",
    "target": "Which metric should this influence?",
    "timer": "What is the window?",
    "trace": "What is logged at every check?",
    "consequence": "What happens when the timer runs out?",
}
YOUNG = timedelta(days=7)
MAX_GRACE_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rule says. `terms_of(rule)` with `dataclasses.replace` makes the terms of an edit."""

    calendar: Calendar
    sla_minutes: int
    trigger: str = ""
    target: str = ""
    timer: str = ""
    trace: str = ""
    consequence: str = ""
    start_on: Mapping[str, Any] | None = None
    respond_on: Mapping[str, Any] | None = None
    complete_on: Mapping[str, Any] | None = None
    stop_clock: str = StopClock.FIRST_RESPONSE
    segments: Sequence[Mapping[str, Any]] = ()
    stages: Sequence[Mapping[str, Any]] = tuple(ladder.DEFAULT_STAGES)
    default_owner: Person | None = None
    default_backup_owner: Person | None = None
    fallback_person: Person | None = None
    fallback_schedule: str = ""
    reopen: str = Reopen.NEW_CYCLE
    grace_minutes: int = 0
    grace_by_source: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


TERM_NAMES = tuple(one.name for one in fields(Terms))


def terms_of(rule: Rule) -> Terms:
    """The terms in force, ready to be changed."""
    return Terms(**{name: getattr(rule.terms, name) for name in TERM_NAMES if name != "note"})


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
    team: Team | None = None,
    reason: str = "",
) -> Rule:
    """Edit a rule: a new version where the terms differ. Handoffs already open keep theirs."""
    rule = _lock(rule)
    before = _data(rule)
    rule.name, rule.team = name or rule.name, team or rule.team
    columns = read_terms(terms or terms_of(rule), now=now)
    if rule.mode in (RuleMode.ACTIVE, RuleMode.SHADOW):
        _require_sentences(columns)
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
    _require_sentences(columns)
    first = _young_first_rule(rule, now)
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
    _require_sentences(read_terms(terms_of(rule), now=now))
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


def read_terms(terms: Terms, *, now: datetime) -> dict[str, Any]:
    """The columns of a version. Raises InvalidInputs with every fault at its field."""
    columns: dict[str, Any] = {name: getattr(terms, name) for name in TERM_NAMES}
    faults: list[InvalidInput] = []
    readers: dict[str, Any] = {
        **dict.fromkeys(SENTENCES, _read_sentence),
        **dict.fromkeys(("start_on", "respond_on", "complete_on"), ladder.read_matcher),
        "segments": lambda _, raw: ladder.read_segments(raw),
        "stages": lambda _, raw: ladder.read_stages(raw),
        "stop_clock": lambda field, raw: _read_choice(field, raw, StopClock),
        "reopen": lambda field, raw: _read_choice(field, raw, Reopen),
        "sla_minutes": _read_minutes,
        "grace_minutes": _read_grace,
        "grace_by_source": _read_graces,
        "calendar": lambda field, calendar: _read_calendar(field, calendar, now),
        "note": lambda _, raw: str(raw)[:240],
    }
    for name, read in readers.items():
        try:
            columns[name] = read(name, columns[name])
        except InvalidInputs as several:
            faults += several.errors
        except InvalidInput as fault:
            faults.append(fault)
    if faults:
        raise InvalidInputs(faults)
    return columns


def first_rule_young_until(rule: Rule, now: datetime) -> datetime | None:
    """Until when activating this rule asks for an acknowledgement; None when it does not."""
    first = _young_first_rule(rule, now)
    return first.activated_at + YOUNG if first and first.activated_at else None


def _lock(rule: Rule) -> Rule:
    """The rule under lock. All rules are locked, in one order: activating looks at the others."""
    list(Rule.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    return Rule.objects.select_related("team", "current__calendar").get(pk=rule.pk)


def _young_first_rule(rule: Rule, now: datetime) -> Rule | None:
    others = Rule.objects.filter(mode=RuleMode.ACTIVE).exclude(pk=rule.pk).order_by("activated_at")
    first = others.first()
    return first if first and first.activated_at and first.activated_at > now - YOUNG else None


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


def _require_sentences(columns: Mapping[str, Any]) -> None:
    missing = [name for name in SENTENCES if not columns[name]]
    if missing:
        raise InvalidInputs(
            [
                InvalidInput("missing_sentence", f"{QUESTIONS[name]} Answer in one sentence.", field=name)
                for name in missing
            ]
        )


def _read_sentence(field: str, raw: Any) -> str:
    text = " ".join(str(raw).split())
    if len(text) > 240:
        raise InvalidInput("too_long", "One sentence, at most 240 characters.", field=field)
    return text


def _read_choice(field: str, raw: Any, choices: type[StopClock] | type[Reopen]) -> str:
    try:
        return str(choices(raw))
    except ValueError:
        raise InvalidInput("bad_choice", f"One of: {', '.join(choices)}.", field=field) from None


def _read_minutes(field: str, raw: Any) -> int:
    if not ladder.is_minutes(raw):
        text = f"A timer is a whole number of minutes, 1 to {ladder.MAX_SLA_MINUTES}."
        raise InvalidInput("bad_minutes", text, field=field)
    minutes: int = raw
    return minutes


def _read_grace(field: str, raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= MAX_GRACE_MINUTES:
        text = f"A grace is a whole number of minutes, 0 to {MAX_GRACE_MINUTES}."
        raise InvalidInput("bad_grace", text, field=field)
    return raw


def _read_graces(field: str, raw: Any) -> dict[str, int]:
    if not isinstance(raw, Mapping) or not all(isinstance(key, str) and len(key) <= 60 for key in raw):
        raise InvalidInput("bad_grace", "Graces are an object of source and minutes.", field=field)
    return {source: _read_grace(f"{field}.{source}", minutes) for source, minutes in raw.items()}


def _read_calendar(field: str, calendar: Calendar, now: datetime) -> Calendar:
    if business_time(current_version(calendar.slug).pk).next_opening(now) is None:
        text = f"“{calendar}” never opens again, so no timer would run out."
        raise InvalidInput("never_opens", text, field=field)
    return calendar


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
