"""The tier of an automation, agreed by two people: one of RevOps and one of sales leadership."""

from datetime import datetime, timedelta

from django.db import transaction

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor, Subject
from opsportal.catalog.models import Automation, Tier
from opsportal.catalog.operations.trail import locked, note
from opsportal.catalog.states import AutomationState
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role

KIND = "catalog.tier"
LABEL = "a tier"
WAITS = timedelta(days=14)
REVOPS, SALES = "revops", "sales"
# Sales leadership reads budgets and agrees on tiers: the viewers. RevOps is who runs the catalogue: the ops leads.
SIDE_OF_ROLE = {Role.OPS_LEAD: REVOPS, Role.VIEWER: SALES}


def sides_of(person: Person) -> set[str]:
    """For whom this person may speak."""
    return {side for role, side in SIDE_OF_ROLE.items() if role in person.roles}


def propose_tier(
    automation: Automation, *, tier: str, requested_by: Person, now: datetime, reason: str = ""
) -> Approval:
    """Ask the other side to agree on a tier. The same asked again while it waits is the same request.

    Raises Forbidden, InvalidInput, Conflict `agreed_already` and `retired`.
    """
    if not sides_of(requested_by):
        raise Forbidden("no_side", "An ops lead or somebody of sales leadership proposes a tier.")
    if tier not in Tier.values:
        raise InvalidInput("invalid", f"A tier is one of {', '.join(Tier.values)}.", field="tier")
    if automation.state == AutomationState.RETIRED:
        raise Conflict("retired", "It is out of service for good.")
    if automation.tier == tier and automation.tier_agreed_at is not None:
        raise Conflict("agreed_already", f"{tier} is agreed already.", field="tier")
    if not reason.strip():
        raise InvalidInput("required", "Say why: the other side decides by it.", field="reason")
    return approvals.request_approval(
        kind=KIND,
        subject=Subject("automation", automation.slug, automation.name),
        title=f"{automation.name} as {tier}",
        consequence=f"Agree that {automation.name} is {tier}",
        content={
            "automation": automation.slug,
            "present_tier": automation.tier,
            "proposed_tier": tier,
            "speaks_for": sorted(sides_of(requested_by)),
            "reason": reason.strip(),
        },
        risk=Risk.GUARDED,
        requested_by=requested_by,
        team=automation.team,
        now=now,
        expires_at=now + WAITS,
        reason=reason.strip(),
    )


def may_decide(person: Person, approval: Approval) -> bool:
    """Whoever speaks for the side that has not spoken yet."""
    # Asked on every page of everybody: who speaks for no side needs nobody else looked up.
    return bool(sides_of(person)) and _sides(approval.requested_by, person) is not None


def look(approval: Approval, now: datetime) -> Outlook:
    automation = Automation.objects.filter(slug=approval.subject_id).first()
    if automation is None:
        return Outlook("The automation is gone.", holds=False)
    if sentence := _outrun(automation, approval):
        return Outlook(sentence, holds=False)
    tier = approval.shown["proposed_tier"]
    if automation.tier == tier:
        return Outlook(f"It is entered as {tier}; agreeing makes that count.")
    return Outlook(f"It would be {tier} instead of {automation.tier}, with what that asks for.")


@transaction.atomic
def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """The tier takes effect, with both names. Raises NoLongerHolds when the record has moved on."""
    found = Automation.objects.filter(slug=approval.subject_id).first()
    if found is None:
        raise NoLongerHolds("The automation is gone.")
    automation = locked(found)
    if sentence := _outrun(automation, approval):
        raise NoLongerHolds(sentence)
    pair = _sides(approval.requested_by, approval.decided_by) if approval.decided_by else None
    if pair is None:
        raise NoLongerHolds("One of the two no longer speaks for their side.")
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    before = automation.tier
    automation.tier, automation.tier_agreed_at = approval.shown["proposed_tier"], now
    automation.tier_agreed_revops, automation.tier_agreed_sales = pair
    automation.tier_reason, automation.updated_at = approval.reason[:500], now
    automation.save()
    extra = {"revops": str(pair[0]), "sales": str(pair[1]), "approval": str(approval.pk)}
    after = {"tier": automation.tier}
    note(
        automation, "automation.tier_agreed", actor, now,
        reason=approval.reason, before={"tier": before}, after=after, extra=extra,
    )  # fmt: skip


def _sides(asked: Person, decides: Person) -> tuple[Person, Person] | None:
    """Who of the two speaks for RevOps and who for sales, or None where one side is missing."""
    ours, theirs = sides_of(asked), sides_of(decides)
    if REVOPS in ours and SALES in theirs:
        return asked, decides
    if SALES in ours and REVOPS in theirs:
        return decides, asked
    return None


def _outrun(automation: Automation, approval: Approval) -> str:
    """Why the proposal does not fit the record any more, or nothing."""
    if automation.state == AutomationState.RETIRED:
        return "It was taken out of service for good."
    if automation.tier != approval.shown["present_tier"]:
        return f"Its tier is {automation.tier} meanwhile. Propose again from there."
    return ""
