"""Reasons as they are picked and counted: the list, and what records say that is on it or not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count

from handoffs.models import BreachReason, Handoff
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal


@dataclass(frozen=True, slots=True)
class KnownReasons:
    """The list, read once. Words mean a reason by its label, its slug, or what it was called before."""

    reasons: list[BreachReason]
    by_word: dict[str, BreachReason] = field(default_factory=dict)

    @classmethod
    def of(cls, reasons: Iterable[BreachReason]) -> "KnownReasons":
        listed = list(reasons)
        words = {fold(word): one for one in listed for word in one.also}
        words |= {fold(word): one for one in listed for word in (one.slug, one.label)}
        return cls(listed, words)

    def find(self, text: str) -> BreachReason | None:
        return self.by_word.get(fold(text))

    @property
    def offered(self) -> list[BreachReason]:
        return [one for one in self.reasons if one.active]


@dataclass(frozen=True, slots=True)
class ReasonUse:
    """A reason, or words that are not on the list, and how many records say so."""

    text: str
    reason: BreachReason | None
    records: int


def fold(text: str) -> str:
    """What makes two spellings the same reason: neither case nor spaces count."""
    return " ".join(text.split()).casefold()


def known_reasons() -> KnownReasons:
    """The whole list, by one query."""
    return KnownReasons.of(BreachReason.objects.all())


def as_listed(text: str) -> str:
    """What is noted for these words: as they stand, or the reason whose slug or former words they are."""
    reason = known_reasons().find(text)
    return text if reason is None or fold(reason.label) == fold(text) else reason.label


def list_reasons() -> list[BreachReason]:
    return known_reasons().reasons


def get_reason(slug: str) -> BreachReason:
    """One reason; raises NotFound."""
    reason = BreachReason.objects.filter(slug=slug).first() if "\x00" not in slug else None
    if reason is None:
        raise NotFound("unknown_reason", f"There is no reason “{slug[:60]}” on the list.")
    return reason


def reason_uses(principal: Principal | None) -> list[ReasonUse]:
    """Every reason of the list in its order, used or not; then words that are not on it, the most frequent first."""
    known = known_reasons()
    tagged = Handoff.objects.visible_to(principal).exclude(breach_reason="").order_by()
    counts: dict[int | str, int] = {}
    for text, number in tagged.values_list("breach_reason").annotate(Count("pk")):
        reason = known.find(text)
        key = reason.pk if reason else text
        counts[key] = counts.get(key, 0) + number
    listed = [ReasonUse(one.label, one, counts.pop(one.pk, 0)) for one in known.reasons]
    rest = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return listed + [ReasonUse(str(text), None, number) for text, number in rest]
