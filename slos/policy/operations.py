"""Writing budget policies: their rules in versions, in force or retired. What they decide: slos.policy.deciding."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import SLUG, Automation, Freeze
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.identity.models import Person, Team
from slos.models import Policy, PolicyVersion
from slos.policy import news
from slos.policy.permissions import settle_permissions
from slos.policy.queries import shown
from slos.policy.rules import PUBLISHED, read_rules

MAX_REASON = 240
PUBLISHED_SLUG = "error-budget-policy"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says and whom it covers."""

    name: str
    rules: Sequence[Any]
    description: str = ""
    scope: str = "all"
    team: Team | None = None
    automation: Automation | None = None


def publish_policy(*, actor: Actor, now: datetime) -> Policy:
    """The published policy over everything, in force; the one there is already stays as it is."""
    found = Policy.objects.filter(slug=PUBLISHED_SLUG).first()
    if found is not None:
        return found
    words = (
        "Burn rates decide, not debates: what burns its error budget too fast is made reliable before anything new "
        "is built on it, and what stays healthy may experiment."
    )
    terms = Terms("Error budget policy", PUBLISHED, description=words)
    return create_policy(slug=PUBLISHED_SLUG, terms=terms, state="active", actor=actor, now=now)


@transaction.atomic
def create_policy(
    *, slug: str, terms: Terms, actor: Actor, now: datetime, state: str = "draft", reason: str = ""
) -> Policy:
    """A policy with its first version. Raises InvalidInputs, Conflict `slug_taken`."""
    if state not in ("draft", "active"):
        raise InvalidInput("invalid", "A new policy is a draft or active.", field="state")
    checked = _checked(terms, slug)
    try:
        with transaction.atomic():
            policy = Policy.objects.create(slug=slug, state=state, created_at=now, updated_at=now, **checked)
    except IntegrityError:
        raise Conflict("slug_taken", f"There is a policy “{slug}” already.", field="slug") from None
    _write_version(policy, actor, now, reason)
    _record(policy, "created", actor, now, reason=reason, after=shown(policy))
    return policy


@transaction.atomic
def change_policy(policy: Policy, *, terms: Terms, actor: Actor, now: datetime, reason: str = "") -> Policy:
    """Another wording from now on: a new version where it differs. What was decided stays. Raises InvalidInputs,
    Conflict `retired`.
    """
    policy = _locked(policy)
    if policy.state == "retired":
        raise Conflict("retired", "This policy is retired; write a new one.")
    before = shown(policy)
    for name, value in _checked(terms, policy.slug).items():
        setattr(policy, name, value)
    after = shown(policy)
    changed = [name for name in after if after[name] != before[name]]
    if not changed:
        return policy
    policy.version, policy.updated_at = policy.version + 1, now
    policy.save()
    _write_version(policy, actor, now, reason)
    sides = {"before": {name: before[name] for name in changed}, "after": {name: after[name] for name in changed}}
    _record(policy, "changed", actor, now, reason=reason or ", ".join(changed), **sides)
    settle_permissions(actor=actor, now=now)
    if policy.state == "active":
        news.policy_moved(policy, "changed", actor=actor, reason=reason, now=now)
    return policy


@transaction.atomic
def activate_policy(policy: Policy, *, actor: Actor, now: datetime, reason: str = "") -> Policy:
    """Put a draft in force: the sweep judges by it from the newest complete day on. Raises Conflict."""
    return _move(policy, "draft", "active", "activated", actor, now, reason)


@transaction.atomic
def retire_policy(policy: Policy, *, actor: Actor, now: datetime, reason: str = "") -> Policy:
    """It decides nothing more and its permissions end; its freezes run on to their own end. Raises Conflict."""
    if policy.state == "draft":
        return _move(policy, "draft", "retired", "retired", actor, now, reason)
    policy = _move(policy, "active", "retired", "retired", actor, now, reason)
    settle_permissions(actor=actor, now=now)
    news.policy_moved(policy, "retired", actor=actor, reason=reason, now=now)
    return policy


def _move(policy: Policy, before: str, state: str, action: str, actor: Actor, now: datetime, reason: str) -> Policy:
    policy = _locked(policy)
    if policy.state != before:
        raise Conflict("invalid_transition", f"This policy is {policy.state}; it cannot be {action}.", field="state")
    policy.state, policy.updated_at = state, now
    policy.save(update_fields=["state", "updated_at"])
    _record(policy, action, actor, now, reason=reason, before={"state": before}, after={"state": state})
    return policy


def _locked(policy: Policy) -> Policy:
    # Not its key: a sweeper whose turn it is refers to the policy, and this transaction may wait for that turn.
    rows = Policy.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("team", "automation").get(pk=policy.pk)


def _checked(terms: Terms, slug: str) -> dict[str, Any]:
    """Everything that is wrong at once, each at its field; else the columns."""
    named = {"all": not terms.team and not terms.automation, "team": bool(terms.team and not terms.automation)}
    named["automation"] = bool(terms.automation and not terms.team)
    tests = [
        (bool(SLUG.regex.match(slug)) and len(slug) <= 60, "slug", "Use lower-case letters, digits and hyphens."),  # type: ignore[union-attr]
        (bool(terms.name.strip()), "name", "It needs a name."),
        (len(terms.name) <= 120, "name", "At most 120 characters."),
        (len(terms.description) <= 2000, "description", "At most 2,000 characters."),
        (terms.scope in Freeze.Scope.values, "scope", "A scope is all, team or automation."),
        (named.get(terms.scope, True), "scope", "Name what the scope says: a team, an automation, or neither."),
    ]
    errors = [InvalidInput("invalid", message, field=name) for holds, name, message in tests if not holds]
    rules: list[dict[str, Any]] = []
    try:
        rules = read_rules(list(terms.rules))
    except InvalidInput as error:
        errors.append(error)
    if errors:
        raise InvalidInputs(errors)
    return {
        "name": terms.name.strip(),
        "description": terms.description.strip(),
        "scope": terms.scope,
        "team": terms.team,
        "automation": terms.automation,
        "rules": rules,
    }


def _write_version(policy: Policy, actor: Actor, now: datetime, reason: str) -> None:
    author = Person.objects.filter(pk=int(actor.id)).first() if actor.kind == "human" and actor.id.isdigit() else None
    PolicyVersion.objects.create(
        policy=policy,
        number=policy.version,
        definition=shown(policy),
        from_at=now,
        author=author,
        reason=reason[:MAX_REASON],
    )


def _record(policy: Policy, action: str, actor: Actor, now: datetime, **detail: Any) -> None:
    audit.record(
        Draft(
            actor=actor,
            action=f"policy.{action}",
            subject=Subject("policy", policy.slug, policy.name),
            at=now,
            team=policy.team.slug if policy.team else "",
            extra={"version": policy.version},
            **detail,
        )
    )
