"""Writing the list of reasons: add, rename, retire, merge. Records follow a rename and a merge, each with its entry."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from django.db import transaction
from django.utils.text import slugify

from handoffs.models import BreachReason, Handoff, PastCycle
from handoffs.operations.rates import mark_days, settled_days
from handoffs.queries.reasons import KnownReasons, fold, known_reasons
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, InvalidInput, NotFound

MAX_REASONS = 60
MAX_LABEL, MAX_SLUG = 120, 60
STEP = 10  # between the positions of two neighbours
BATCH = 500
SUBJECT = "breach_reason"


@transaction.atomic
def add_reason(*, label: str, actor: Actor, now: datetime, slug: str = "", position: int | None = None) -> BreachReason:
    """A new reason at the end of the list. Raises InvalidInput at `label` or `slug`, Conflict `reason_exists`,
    `slug_taken`, `too_many_reasons`.
    """
    known = _lock()
    label = _read_label(label)
    _check_free(known, label)
    slug = slug or slugify(label)[:MAX_SLUG] or f"reason-{len(known.reasons) + 1}"
    if slugify(slug) != slug or len(slug) > MAX_SLUG:
        raise InvalidInput("bad_slug", "A slug has lower case letters, digits and hyphens.", field="slug")
    if any(one.slug == slug for one in known.reasons):
        raise Conflict("slug_taken", f"There is a reason “{slug}” already.", field="slug")
    if len(known.reasons) >= MAX_REASONS:
        text = f"There are {MAX_REASONS} reasons, and nobody picks from more. Merge or retire some first."
        raise Conflict("too_many_reasons", text)
    last = max((one.position for one in known.reasons), default=0)
    place = last + STEP if position is None else position
    reason = BreachReason.objects.create(slug=slug, label=label, position=place)
    _record("added", reason, actor=actor, now=now)
    return reason


@transaction.atomic
def change_reason(
    reason: BreachReason,
    *,
    actor: Actor,
    now: datetime,
    label: str | None = None,
    active: bool | None = None,
    position: int | None = None,
) -> BreachReason:
    """Rename, retire, offer again, move. Records follow a new name. Raises as `add_reason` does."""
    known = _lock()
    reason = _still_there(known, reason)
    if position is not None:
        reason.position = position
    if active is not None and active != reason.active:
        reason.active = active
        _record("restored" if active else "retired", reason, actor=actor, now=now)
    if label is not None and (new := _read_label(label)) != reason.label:
        _check_free(known, new, except_for=reason)
        _rename(reason, new, actor=actor, now=now)
    reason.save()
    return reason


@transaction.atomic
def merge_reason(into: BreachReason, *, text: str, actor: Actor, now: datetime) -> int:
    """Let records that say `text` say `into` instead; a reason of that name leaves the list. Answers how many followed.

    Programs that go on sending `text` mean `into` from now on. Raises InvalidInput `same_reason`, `bad_label`,
    NotFound, Conflict `retired_reason`.
    """
    known = _lock()
    into = _still_there(known, into)
    text = _read_label(text, field="text")
    merged = known.find(text)
    if merged is not None and merged.pk == into.pk:
        raise InvalidInput("same_reason", f"“{text}” is “{into.label}” already.", field="text")
    if not into.active:
        raise Conflict("retired_reason", f"“{into.label}” is retired: offer it again first, or merge into another.")
    words = [merged.label, *merged.also, merged.slug] if merged else [text]
    if merged is not None:
        merged.delete()
    into.also = _joined(into.also, words, into.label)
    into.save()
    records = _follow(words, into.label, actor=actor, now=now)
    _record(
        "merged", into, actor=actor, now=now,
        before={"label": words[0]}, after={"label": into.label}, extra={"records": records},
    )  # fmt: skip
    return records


def _rename(reason: BreachReason, label: str, *, actor: Actor, now: datetime) -> None:
    before = reason.label
    reason.label, reason.also = label, _joined(reason.also, [before], label)
    records = _follow([before], label, actor=actor, now=now)
    _record(
        "renamed", reason, actor=actor, now=now,
        before={"label": before}, after={"label": label}, extra={"records": records},
    )  # fmt: skip


def _follow(words: Iterable[str], label: str, *, actor: Actor, now: datetime) -> int:
    """Write `label` where a record says one of the words, however spelled. Answers how many records were touched."""
    folded = {fold(word) for word in words}
    said = Handoff.objects.exclude(breach_reason="").order_by().values_list("breach_reason", flat=True).distinct()
    past = PastCycle.objects.exclude(breach_reason="").order_by().values_list("breach_reason", flat=True).distinct()
    spellings = [text for text in {*said, *past} if fold(text) in folded and text != label]
    cycles = PastCycle.objects.filter(breach_reason__in=spellings)
    mark_days({(rule, _day_of(at)) for rule, at in cycles.values_list("handoff__rule_id", "started_at")})
    cycles.update(breach_reason=label)
    tagged = Handoff.objects.select_for_update(of=("self",)).filter(breach_reason__in=spellings).order_by("pk")
    records = list(tagged.select_related("rule__team"))
    mark_days(settled_days(records))
    for at in range(0, len(records), BATCH):
        batch = records[at : at + BATCH]
        Handoff.objects.filter(pk__in=[one.pk for one in batch]).update(breach_reason=label)
        audit.record_many(_followed(batch, label, actor=actor, now=now))
    return len(records)


def _followed(records: Iterable[Handoff], label: str, *, actor: Actor, now: datetime) -> Iterator[Draft]:
    for record in records:
        yield Draft(
            actor=actor,
            action="handoff.reason_followed",
            subject=Subject("handoff", str(record.pk), record.subject),
            at=now,
            trace_id=record.trace_id,
            rule=record.rule.slug,
            team=record.rule.team.slug if record.rule.team else "",
            before={"breach_reason": record.breach_reason},
            after={"breach_reason": label},
        )


def _day_of(instant: datetime) -> date:
    return instant.astimezone(UTC).date()


def _lock() -> KnownReasons:
    """The list under lock, in one order: whoever changes it sees all of it."""
    list(BreachReason.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    return known_reasons()


def _still_there(known: KnownReasons, reason: BreachReason) -> BreachReason:
    found = next((one for one in known.reasons if one.pk == reason.pk), None)
    if found is None:
        raise NotFound("unknown_reason", f"“{reason.label}” is no longer on the list.")
    return found


def _check_free(known: KnownReasons, label: str, *, except_for: BreachReason | None = None) -> None:
    taken = known.find(label)
    if taken is None or (except_for is not None and taken.pk == except_for.pk):
        return
    text = f"“{taken.label}” is on the list already."
    if fold(taken.label) != fold(label):
        text = f"“{label}” is what “{taken.label}” is called as well. Rename that one, or choose other words."
    raise Conflict("reason_exists", text, field="label")


def _read_label(raw: str, *, field: str = "label") -> str:
    label = " ".join(raw.split())
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        raise InvalidInput("bad_label", f"A reason is one line of 1 to {MAX_LABEL} characters.", field=field)
    return label


def _joined(also: list[str], words: Iterable[str], label: str) -> list[str]:
    """Former words, each once, without the present label."""
    kept = {fold(word): word for word in [*also, *words]}
    kept.pop(fold(label), None)
    return list(kept.values())


def _record(
    action: str,
    reason: BreachReason,
    *,
    actor: Actor,
    now: datetime,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
    extra: dict[str, int] | None = None,
) -> None:
    audit.record(
        Draft(
            actor=actor,
            action=f"reason.{action}",
            subject=Subject(SUBJECT, reason.slug, reason.label),
            at=now,
            before=before or {},
            after=after or {},
            extra=extra or {},
        )
    )
