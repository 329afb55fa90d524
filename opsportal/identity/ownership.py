"""What people own, told by the rooms above: each registers a question, nothing here knows what it is about."""

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owned:
    """One thing somebody answers for. `kind` is a word such as “automation”."""

    person_id: int
    kind: str
    label: str
    url: str


Question = Callable[[Collection[int]], list[Owned]]
_questions: dict[str, Question] = {}


def register(name: str, question: Question) -> None:
    """`question(person_ids)` answers what these people own, with one query. Called from AppConfig.ready."""
    _questions[name] = question


def owned_by(person_ids: Collection[int]) -> dict[int, list[Owned]]:
    """Person id -> what they own, in the order the rooms registered."""
    found: dict[int, list[Owned]] = {}
    for question in _questions.values():
        for owned in question(person_ids):
            found.setdefault(owned.person_id, []).append(owned)
    return found
