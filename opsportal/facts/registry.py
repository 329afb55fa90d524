"""The rooms that report facts. One loop over them claims, counts or tells whatever any of them has reported."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsportal.facts.models import Fact


@dataclass(frozen=True, slots=True)
class Source:
    """`tell` gets facts that nobody took up, locked, in the transaction that marks them as told. It writes the trail
    and the messages, and answers of how many somebody heard. `kinds` are all there may be.
    """

    model: type[Fact]
    kinds: tuple[str, ...]
    tell: Callable[[Sequence[Any], datetime], int]


_sources: dict[type[Fact], Source] = {}


def register(model: type[Fact], *, kinds: Iterable[str], tell: Callable[[Sequence[Any], datetime], int]) -> None:
    _sources[model] = Source(model, tuple(str(kind) for kind in kinds), tell)


def sources() -> list[Source]:
    return list(_sources.values())


def kinds() -> set[str]:
    """Every kind of fact that some room reports."""
    return {value for source in sources() for value, _ in source.model._meta.get_field("kind").flatchoices}
