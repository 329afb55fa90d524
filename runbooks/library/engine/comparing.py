"""Two revisions line by line: what went, what came, and a few lines around it."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from runbooks.library.engine.front_matter import lines_of

AROUND = 3


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is same, removed, added or gap; line numbers from 1, where there is one."""

    kind: str
    old: int | None
    new: int | None
    text: str


def compare(old: str, new: str, *, around: int = AROUND) -> list[Line]:
    """The changed lines with `around` unchanged ones on both sides. Nothing for the same text."""
    return list(_lines(lines_of(old), lines_of(new), around))


def _lines(old: list[str], new: list[str], around: int) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 2000)
    shown_until = 0
    for group in matcher.get_grouped_opcodes(around):
        skipped = group[0][1] - shown_until
        if skipped:
            yield Line("gap", None, None, f"{skipped} unchanged {'line' if skipped == 1 else 'lines'}")
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from (
                    Line("same", a + 1, b + 1, old[a])
                    for a, b in zip(range(old_from, old_to), range(new_from, new_to), strict=True)
                )
                continue
            yield from (Line("removed", at + 1, None, old[at]) for at in range(old_from, old_to))
            yield from (Line("added", None, at + 1, new[at]) for at in range(new_from, new_to))
        shown_until = group[-1][2]
    if shown_until and (rest := len(old) - shown_until):
        yield Line("gap", None, None, f"{rest} unchanged {'line' if rest == 1 else 'lines'}")


def counts(lines: list[Line]) -> tuple[int, int]:
    """(added, removed)"""
    return sum(one.kind == "added" for one in lines), sum(one.kind == "removed" for one in lines)
