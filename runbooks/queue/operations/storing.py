"""Storing what failed: one payload or thousands take the same way, each under its data subject's key, held."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from opsportal import ids
from opsportal.api.lines import Recorded
from opsportal.catalog.models import Automation, Tier
from opsportal.errors import Conflict, InvalidInput
from runbooks.models import Payload, ReplayItem, ReplayTarget
from runbooks.queue import lanes, vaulting
from runbooks.queue.intake import NewItem
from runbooks.states import ItemState

SKEW = timedelta(seconds=300)
TRIES = 3
UNKNOWN_TARGET = Recorded("invalid", None, "unknown_target", "target")
UNKNOWN_AUTOMATION = Recorded("invalid", None, "unknown_automation", "automation")
SEVERAL_TARGETS = Recorded("invalid", None, "ambiguous", "target")
FUTURE = Recorded("invalid", None, "in_the_future", "failed_at")
SENTENCES = {
    "unknown_target": "There is no such replay target.",
    "unknown_automation": "There is no such automation.",
    "ambiguous": "This automation has several replay targets; name one.",
    "in_the_future": "This lies in the future.",
}
# What a newer payload of the same record replaces: everything that waits, not what is on its way.
REPLACEABLE = [ItemState.HELD, ItemState.PENDING, ItemState.FAILED, ItemState.DEAD]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a payload goes."""

    target: ReplayTarget
    automation: Automation | None


def record_item(
    *, new: NewItem, targets: QuerySet[ReplayTarget], automations: QuerySet[Automation], now: datetime
) -> Recorded:
    """Store one. Raises InvalidInput at its field; Conflict `external_id_conflict`: that id came with another body."""
    (recorded,) = record_items([new], targets=targets, automations=automations, now=now)
    if recorded.status == "invalid":
        code = recorded.code or ""
        raise InvalidInput(code, SENTENCES[code], field=recorded.field or "")
    if recorded.status == "conflict":
        sentence = f"The payload “{new.external_id}” came before with another body."
        raise Conflict("external_id_conflict", sentence, field="external_id")
    return recorded


def record_items(
    several: Sequence[NewItem], *, targets: QuerySet[ReplayTarget], automations: QuerySet[Automation], now: datetime
) -> list[Recorded]:
    """Store payloads for `targets` of `automations`; one answer for each, in order, and nothing raised for one of them.

    The same external_id with the same body is a duplicate, with another body a conflict.
    """
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _store(several, targets, automations, now)
        except IntegrityError:
            # Somebody stored the same external_id at the same moment: the next try finds it.
            if not left:
                raise
    raise AssertionError  # never reached


def _store(
    several: Sequence[NewItem], targets: QuerySet[ReplayTarget], automations: QuerySet[Automation], now: datetime
) -> list[Recorded]:
    answers: dict[int, Recorded] = {}
    places = _places(several, targets, automations)
    groups: dict[int, list[tuple[int, NewItem, Place]]] = defaultdict(list)
    for position, (new, place) in enumerate(zip(several, places, strict=True)):
        if isinstance(place, Recorded):
            answers[position] = place
        elif new.failed_at is not None and new.failed_at > now + SKEW:
            answers[position] = FUTURE
        else:
            groups[place.target.pk].append((position, new, place))
    for group in groups.values():
        answers |= _store_for(group, now)
    return [answers[position] for position in range(len(several))]


def find_places(
    several: Sequence[NewItem], targets: QuerySet[ReplayTarget], automations: QuerySet[Automation]
) -> list[Place]:
    """Where each would go. Raises InvalidInput, at its field, for the first that has no place."""
    found = []
    for place in _places(several, targets, automations):
        if isinstance(place, Recorded):
            raise InvalidInput(place.code or "", SENTENCES[place.code or ""], field=place.field or "")
        found.append(place)
    return found


def _places(
    several: Sequence[NewItem], targets: QuerySet[ReplayTarget], automations: QuerySet[Automation]
) -> list[Place | Recorded]:
    slugs = {new.automation for new in several if new.automation}
    known = {one.slug: one for one in automations.filter(slug__in=slugs)} if slugs else {}
    named = targets.filter(slug__in={new.target for new in several if new.target}).select_related("automation")
    by_slug = {target.slug: target for target in named}
    of_automation: dict[int, list[ReplayTarget]] = defaultdict(list)
    for target in targets.filter(automation__in=[one.pk for one in known.values()]).select_related("automation"):
        of_automation[target.automation_id or 0].append(target)
    return [_place(new, by_slug, known, of_automation) for new in several]


def _place(
    new: NewItem,
    by_slug: dict[str, ReplayTarget],
    known: dict[str, Automation],
    of_automation: dict[int, list[ReplayTarget]],
) -> Place | Recorded:
    automation = known.get(new.automation)
    if new.automation and automation is None:
        return UNKNOWN_AUTOMATION
    if new.target:
        target = by_slug.get(new.target)
        return UNKNOWN_TARGET if target is None else Place(target, automation or target.automation)
    choices = of_automation[automation.pk] if automation is not None else []
    if len(choices) != 1:
        return SEVERAL_TARGETS if choices else UNKNOWN_TARGET
    return Place(choices[0], automation)


def _store_for(group: Sequence[tuple[int, NewItem, Place]], now: datetime) -> dict[int, Recorded]:
    """All payloads of one target: known ones are recognised, the rest take their places in their lanes."""
    target = group[0][2].target
    ids = {new.external_id for _, new, _ in group if new.external_id}
    rows = ReplayItem.objects.filter(target=target, external_id__in=ids)
    known = {external_id: (digest, str(pk)) for _, external_id, pk, digest in as_they_came_in(rows)}
    answers: dict[int, Recorded] = {}
    adding: list[tuple[NewItem, Place, ReplayItem]] = []
    for position, new, place in group:
        digest = vaulting.sha256(new.body)
        found = known.get(new.external_id) if new.external_id else None
        if found is not None:
            same = found[0] == digest
            answers[position] = Recorded("duplicate" if same else "conflict", found[1])
            continue
        item = _item(new, place, digest, now)
        known[new.external_id] = digest, str(item.pk)
        adding.append((new, place, item))
        answers[position] = Recorded("created", str(item.pk))
    _add(target, adding, now)
    return answers


def as_they_came_in(rows: QuerySet[ReplayItem]) -> Iterable[tuple[int, str, UUID, str]]:
    """Target, external id, id and digest. A plan may have transformed the body since: what counts is what came in."""
    came_in = Payload.objects.filter(item=OuterRef("pk"), revision=0).values("sha256")
    return rows.values_list("target_id", "external_id", "pk", Coalesce(Subquery(came_in), "sha256"))


def _item(new: NewItem, place: Place, digest: str, now: datetime) -> ReplayItem:
    return ReplayItem(
        id=new.item_id or ids.new_id(),
        target=place.target,
        automation=place.automation,
        external_id=new.external_id,
        record_key=new.record_key,
        correlation_id=new.correlation_id,
        source=new.source,
        error_class=new.error_class,
        error_message=new.error_message,
        content_type=new.content_type,
        sha256=digest,
        size=len(new.body),
        failed_at=min(new.failed_at or now, now),
        received_at=now,
    )


def _add(target: ReplayTarget, adding: Sequence[tuple[NewItem, Place, ReplayItem]], now: datetime) -> None:
    places = lanes.take_places(target, [new.record_key for new, _, _ in adding])
    for (_, _, item), (lane, sequence) in zip(adding, places, strict=True):
        item.lane, item.sequence = lane, sequence
    subjects = [vaulting.subject_for(new.record_key, new.external_id, item.pk) for new, _, item in adding]
    closed = vaulting.close_many([(subject, new.body) for subject, (new, _, _) in zip(subjects, adding, strict=True)])
    payloads = [
        Payload(item=item, subject=subject, sealed=sealed, sha256=item.sha256, created_at=now)
        for (_, _, item), subject, sealed in zip(adding, subjects, closed, strict=True)
    ]
    ReplayItem.objects.bulk_create([item for _, _, item in adding], batch_size=500)
    Payload.objects.bulk_create(payloads, batch_size=500)
    if target.superseding:
        _supersede_older([item for _, _, item in adding], now)


def _supersede_older(items: Sequence[ReplayItem], now: datetime) -> None:
    """The newest payload of each record replaces those that wait before it; never where a P0 is concerned."""
    newest = {item.lane_id: item for item in items if item.lane_id is not None and not _is_p0(item)}
    for item in newest.values():
        older = ReplayItem.objects.filter(lane=item.lane_id, sequence__lt=item.sequence, state__in=REPLACEABLE)
        older.filter(legal_hold="").exclude(automation__tier=Tier.P0).update(
            state=ItemState.SUPERSEDED, superseded_by=item, due_at=None, finished_at=now
        )


def _is_p0(item: ReplayItem) -> bool:
    automations = (item.automation, item.target.automation)
    return any(one is not None and one.tier == Tier.P0 for one in automations)
