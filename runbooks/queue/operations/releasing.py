"""Letting items go, and holding them back. Whatever is sent was let go here: by hand, or by a plan.

A P0, and more than a hundred items of one requester to one target within an hour, need a second person.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds
from opsportal.approvals.states import Risk
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from runbooks.models import Release, ReplayItem, ReplayTarget
from runbooks.queue import authority, lanes
from runbooks.states import ItemState
from runbooks.targets.addresses import address_of
from runbooks.targets.queries import team_of

APPROVAL_KIND = "replay_resend"
FREE_PER_HOUR = 100
MOST_BY_HAND = 500
HOUR = timedelta(hours=1)
SURE = [ItemState.HELD, ItemState.DEAD, ItemState.FAILED]
RELEASABLE = [*SURE, ItemState.IN_DOUBT]
CHUNK = 500


def resend_items(
    items: Sequence[ReplayItem], *, reason: str, actor: Actor, person: Person | None, now: datetime
) -> Release | Approval:
    """Let items of one target go by hand; answers the release, or the request where a second person is needed first.

    Raises InvalidInput (`required`, `several_targets`, `too_many`), Conflict `invalid_transition`, Forbidden `nobody`.
    """
    target = _one_target(items, reason)
    if not needs_second_person(items, target, actor, now):
        with transaction.atomic():
            release = open_release(
                target, kind="resend", items=items, reason=reason, actor=actor, person=person, now=now
            )
            _let_all_go(release, items, now=now)
        return release
    if person is None:
        raise Forbidden("nobody", "This needs a second person, and nobody stands behind this token to ask one.")
    title = f"Send {len(items)} payload{'' if len(items) == 1 else 's'} to {target} again"
    return approvals.request_approval(
        kind=APPROVAL_KIND,
        subject=_subject(target),
        title=title,
        consequence=title,
        content=content_of(items, target, reason),
        risk=Risk.DANGEROUS,
        requested_by=person,
        team=team_of(target),
        now=now,
        reason=reason,
    )


def needs_second_person(items: Sequence[ReplayItem], target: ReplayTarget, actor: Actor, now: datetime) -> bool:
    """Whether this is a P0, or too much for one requester within an hour."""
    recent = Release.objects.filter(requester=actor.id, target=target, created_at__gt=now - HOUR, approval=None)
    let_go_before = recent.aggregate(count=Sum("item_count"))["count"] or 0
    return let_go_before + len(items) > FREE_PER_HOUR or any(authority.is_critical(item) for item in items)


def content_of(items: Sequence[ReplayItem], target: ReplayTarget, reason: str) -> dict[str, Any]:
    """What a second person approves: these items with these bodies, to this address."""
    return {
        "target": target.slug,
        "url": target.url,
        "count": len(items),
        "items": sorted(str(item.pk) for item in items),
        "content_hash": authority.content_hash(items),
        "reason": reason,
    }


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """What follows from the approval, in its transaction. What has changed since it was asked for voids it."""
    said = approval.shown
    rows = ReplayItem.objects.filter(pk__in=said["items"]).select_related("target__automation", "automation")
    items = list(rows)
    target = items[0].target if items else None
    if target is None or content_of(items, target, said["reason"]) != said:
        raise NoLongerHolds("The payloads or their target have changed since this was asked for.")
    if any(item.state not in RELEASABLE for item in items):
        raise NoLongerHolds("Some of these have been sent or decided meanwhile.")
    used = approvals.use_approval(approval, content=said, now=now, actor=actor)
    release = open_release(
        target,
        kind="resend",
        items=items,
        reason=said["reason"],
        actor=Actor("human", str(used.requested_by_id), str(used.requested_by)),
        person=used.requested_by,
        approval=used,
        now=now,
    )
    _let_all_go(release, items, now=now)


@transaction.atomic
def open_release(
    target: ReplayTarget,
    *,
    kind: str,
    items: Sequence[ReplayItem],
    reason: str,
    actor: Actor,
    person: Person | None,
    now: datetime,
    reference: str = "",
    approval: Approval | None = None,
    content_hash: str = "",
    count: int = 0,
) -> Release:
    """Write down who lets how many go. `let_go` then does it, at once or in parts, for nothing but these items, to
    nowhere but the target's present address. Who has counted and hashed them already says so by `count` and
    `content_hash`, and leaves `items` empty.
    """
    release = Release.objects.create(
        target=target,
        kind=kind,
        reference=reference,
        requested_by=person,
        requester=actor.id,
        reason=reason[:500],
        approval=approval,
        content_hash=content_hash or authority.content_hash(items),
        url=address_of(target),
        item_count=count or len(items),
        created_at=now,
    )
    team = team_of(target)
    audit.record(
        Draft(
            actor,
            "replay.released",
            _subject(target),
            now,
            team=team.slug if team else "",
            reason=reason,
            extra={
                "count": release.item_count,
                "kind": kind,
                "reference": reference,
                "content_hash": release.content_hash,
                "url": release.url,
            },
        )
    )
    return release


@transaction.atomic
def let_go(
    release: Release,
    item_ids: Iterable[UUID],
    *,
    actor: Actor,
    now: datetime,
    states: Sequence[ItemState] = RELEASABLE,
) -> int:
    """Let items of a release go, in the order of their lanes; answers how many. Those that were sent or decided
    meanwhile, or are in none of `states`, stay as they are. The heads may be taken from this instant on.
    """
    wanted, count = list(item_ids), 0
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        lane_ids = lanes.lock_of(ReplayItem.objects.filter(pk__in=chunk))
        rows = ReplayItem.objects.select_for_update().filter(pk__in=chunk, state__in=states, target=release.target)
        items = list(rows.order_by("pk"))
        for item in items:
            item.state, item.release, item.attempts = ItemState.PENDING.value, release, 0
            item.authority = authority.seal(item, release)
            item.due_at = now if item.lane_id is None else None
        fields = ["state", "release", "authority", "attempts", "due_at"]
        ReplayItem.objects.bulk_update(items, fields, batch_size=CHUNK)
        lanes.promote(lane_ids, now)
        count += len(items)
    return count


@transaction.atomic
def hold_back(release: Release, *, reason: str, actor: Actor, now: datetime) -> int:
    """Hold what a release let go and what has not left yet; answers how many. What is in flight ends by itself, and is
    not tried again.
    """
    waiting = ReplayItem.objects.filter(release=release, state__in=[ItemState.PENDING, ItemState.FAILED])
    lanes.lock_of(waiting)
    count = waiting.update(state=ItemState.HELD, due_at=None, authority="")
    ReplayItem.objects.filter(release=release, state=ItemState.LEASED).update(authority="")
    if count:
        team = team_of(release.target)
        slug = team.slug if team else ""
        subject = _subject(release.target)
        extra = {"count": count, "reference": release.reference}
        audit.record(Draft(actor, "replay.held_back", subject, now, team=slug, reason=reason, extra=extra))
    return count


def _one_target(items: Sequence[ReplayItem], reason: str) -> ReplayTarget:
    if not reason.strip():
        raise InvalidInput("required", "Say why it should arrive now.", field="reason")
    if len({item.target_id for item in items}) != 1:
        raise InvalidInput("several_targets", "Choose items of one target.", field="items")
    if len(items) > MOST_BY_HAND:
        raise InvalidInput("too_many", f"More than {MOST_BY_HAND} at once take a plan.", field="items")
    stuck = Counter(item.state for item in items if item.state not in RELEASABLE)
    if stuck:
        states = ", ".join(f"{count} {state}" for state, count in sorted(stuck.items()))
        raise Conflict("invalid_transition", f"Not all of these can be sent again: {states}.")
    return items[0].target


def _let_all_go(release: Release, items: Sequence[ReplayItem], *, now: datetime) -> None:
    """What came into doubt since it was looked at stays: nobody has decided about that yet."""
    actor = Actor("human", release.requester, release.requester)
    states = RELEASABLE if any(item.state == ItemState.IN_DOUBT for item in items) else SURE
    if let_go(release, [item.pk for item in items], actor=actor, now=now, states=states) != len(items):
        raise Conflict("invalid_transition", "Some of these have been sent or decided meanwhile.")


def _subject(target: ReplayTarget) -> Subject:
    return Subject("replay_target", target.slug, str(target))
