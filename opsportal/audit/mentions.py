"""Finding and taking out what names a data subject, in any text or JSON value. No database here.

A key is found as a whole: `lead-4` is not in `lead-42`, nor `ann@example.org` in `joann@example.org`.
"""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

ERASED = "[erased]"
# An escape before a key (\n, %2F) ends in what looks like a letter of it; an escaped sign of a longer one does not.
BEGINS = r"(?:(?<!\w)|(?<=\\[bfnrt])|(?<=%[0-9A-Fa-f]{2}))(?<!\w[.+@-])(?<!\w%2[BbDdEe])(?<!\w%40)"


class Mentions:
    """The ways in which some keys may be written: as they are, in capitals, in an address, in JSON."""

    def __init__(self, keys: Iterable[str]) -> None:
        mails, others = set[str](), set[str]()
        for key in keys:
            (mails if "@" in key else others).update(_spellings(key))
        self.needles = sorted(mails | others, key=lambda way: (-len(way), way))
        # A mail address goes on after a full stop (.co.uk), another key ends there (.csv).
        ends = rf"(?:{_any_of(mails)})(?!\w|[@+-]\w|\.\w)|(?:{_any_of(others)})(?!\w|[@+-]\w)"
        self._pattern = re.compile(rf"{BEGINS}(?:{ends})", re.IGNORECASE)

    def stand_in(self, value: Any) -> bool:
        """Whether a text, bytes, or a JSON value with anything inside names one of the keys."""
        if isinstance(value, (bytes, memoryview)):
            return self.stand_in(bytes(value).decode("utf-8", "replace"))
        if isinstance(value, dict):
            return any(self.stand_in(part) for pair in value.items() for part in pair)
        if isinstance(value, list):
            return any(self.stand_in(part) for part in value)
        written = _written(value)
        return written is not None and self._pattern.search(written) is not None

    def taken_out_of(self, value: Any) -> Any:
        """The same value with each of them replaced."""
        if isinstance(value, dict):
            return {self.taken_out_of(name): self.taken_out_of(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.taken_out_of(part) for part in value]
        if isinstance(value, str):
            return self._pattern.sub(ERASED, value)
        return ERASED if self.stand_in(value) else value


def _written(value: Any) -> str | None:
    """A text as it is, a number as its digits: a phone number may come as either."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _any_of(ways: Iterable[str]) -> str:
    longest_first = sorted(ways, key=lambda way: (-len(way), way))
    return "|".join(re.escape(way) for way in longest_first) or r"(?!)"


def _spellings(key: str) -> set[str]:
    plain = {key, key.lower(), key.upper()}
    written = plain | {quote(way, safe="") for way in plain} | {quote(way) for way in plain}
    return written | {json.dumps(way, ensure_ascii=is_ascii)[1:-1] for way in plain for is_ascii in (True, False)}
