"""Which step of the next revision is which step of the former: keys stay with what is still the same step.

Same id, then same words, then much the same words. A key is never given to another step later.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from runbooks.library.engine.document import Step

ALIKE, ALIKE_ELSEWHERE = 0.5, 0.8
WORD = re.compile(r"\w+")
LONGEST_KEY = 60


@dataclass(frozen=True, slots=True)
class Known:
    """A step of the former revision."""

    key: str
    section: str
    text: str


def keys_for(steps: Sequence[Step], former: Sequence[Known], taken: Collection[str]) -> list[str]:
    """A key for each step, all different. `taken` are all keys this runbook ever used."""
    found: dict[int, str] = {}
    _by_own_id(steps, found)
    for ratio_at_least, same_section in ((1.0, True), (1.0, False), (ALIKE, True), (ALIKE_ELSEWHERE, False)):
        _by_words(steps, former, found, ratio_at_least, same_section)
    used = {*taken, *(known.key for known in former), *found.values()}
    for place, step in enumerate(steps):
        if place not in found:
            found[place] = _fresh(step, used)
            used.add(found[place])
    return [found[place] for place in range(len(steps))]


def _by_own_id(steps: Sequence[Step], found: dict[int, str]) -> None:
    for place, step in enumerate(steps):
        if step.own_id and step.own_id not in found.values():
            found[place] = step.own_id


def _by_words(
    steps: Sequence[Step], former: Sequence[Known], found: dict[int, str], at_least: float, same_section: bool
) -> None:
    """Pair what is most alike first; of equals what stands first."""
    open_steps = [place for place in range(len(steps)) if place not in found]
    used = set(found.values())
    open_former = [place for place, known in enumerate(former) if known.key not in used]
    pairs = sorted(_pairs(steps, former, open_steps, open_former, at_least, same_section))
    gone: set[int] = set()
    for _, place, old in pairs:
        if place not in found and old not in gone:
            found[place] = former[old].key
            gone.add(old)


def _pairs(
    steps: Sequence[Step],
    former: Sequence[Known],
    places: Sequence[int],
    olds: Sequence[int],
    at_least: float,
    same_section: bool,
) -> Iterator[tuple[float, int, int]]:
    """(how unlike, place, place in the former), only those alike enough."""
    bags = {old: _bag(former[old].text) for old in olds}
    for place in places:
        bag, text = _bag(steps[place].text), said(steps[place].text)
        for old in olds:
            if same_section and steps[place].section != former[old].section:
                continue
            if at_least == 1.0:
                if text == said(former[old].text):
                    yield (0.0, place, old)
            elif (ratio := _ratio(bag, bags[old])) >= at_least:
                yield (-ratio, place, old)


def said(text: str) -> str:
    """The text without the id it carries and without how its lines are broken."""
    return " ".join(re.sub(r"\{#[a-z0-9-]+\}", "", text).split())


def _bag(text: str) -> Counter[str]:
    return Counter(WORD.findall(said(text).casefold()))


def _ratio(one: Counter[str], other: Counter[str]) -> float:
    """Dice's coefficient over words: 1 for the same words, 0 for none in common."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _fresh(step: Step, used: Collection[str]) -> str:
    """A new key out of the first words."""
    words = re.findall(r"[a-z0-9]+", step.title.casefold())[:5]
    stem = "-".join(words)[: LONGEST_KEY - 5].strip("-") or "step"
    key, number = stem, 2
    while key in used:
        key, number = f"{stem}-{number}", number + 1
    return key
