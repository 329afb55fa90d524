"""What rooms above add to an automation: panels of its page, questions of its readiness, its use against its limits.

A room registers from AppConfig.ready. The catalogue knows none of them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from opsportal.catalog.models import Automation
from opsportal.identity.models import Person

# Answers what the panel's template shows, or None where there is nothing to show.
PanelContext = Callable[[HttpRequest, Automation, datetime], Mapping[str, Any] | None]
# Of these automations the keys of those that have what is asked for; one query for all of them.
Have = Callable[[Collection[Automation]], set[int]]
# The same as rows with an `automation_id`: pages then ask inside the statement that reads the automations.
Rows = Callable[[], QuerySet[Any]]
# How much of each limit is used now: limit key -> figure, for the keys it can tell of.
Usage = Callable[[Automation, datetime], Mapping[str, Decimal | int]]
# Whether somebody is to act on this automation now without owning it: who is on shift.
IsResponder = Callable[[Automation, Person, datetime], bool]


# Of the automations with these keys, how much of what failed for good waits for somebody: key -> number, none for 0.
DeadLetters = Callable[[Collection[int]], Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A section of the automation page. The template draws its own `<section class="section">` with its `<h2>` and
    gets what `context` answers, besides `automation`, `now` and the request.
    """

    name: str
    template: str
    context: PanelContext
    order: int


@dataclass(frozen=True, slots=True)
class ShownPanel:
    name: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class Question:
    """What readiness asks: `question` is the sentence shown while it is missing ("It has no SLO.")."""

    key: str
    question: str
    have: Have
    order: int
    rows: Rows | None = None
    filled_in: str = ""

    @property
    def annotation(self) -> str:
        return f"has_{self.key}"


# Automations with what a room above reads of them for pages: joined, prefetched, or as an annotation.
Beside = Callable[[QuerySet[Automation]], QuerySet[Automation]]

_panels: dict[str, Panel] = {}
_questions: dict[str, Question] = {}
_usages: list[Usage] = []
_responders: list[IsResponder] = []
_beside: list[Beside] = []
_dead_letters: list[tuple[DeadLetters, str]] = []


def register_panel(name: str, template: str, context: PanelContext, order: int = 50) -> None:
    """Add a section to the automation page; a name registered again replaces the former."""
    _panels[name] = Panel(name, template, context, order)


def register_readiness(
    key: str, question: str, have: Have, order: int = 50, rows: Rows | None = None, filled_in: str = ""
) -> None:
    """Have readiness ask for something that lives above. `question` says what is missing, as a sentence.

    Where having it is having a row, `rows` saves pages the statement of `have`. `filled_in` is the page that makes
    one, with `{slug}` where the automation is named.
    """
    _questions[key] = Question(key, question, have, order, rows, filled_in)


def register_usage(usage: Usage) -> None:
    """Tell how much of its limits (`Automation.limits`) an automation has used."""
    if usage not in _usages:
        _usages.append(usage)


def register_responders(is_responder: IsResponder) -> None:
    """Let a room above say who may pause, switch and tell sales besides owner, backup and ops leads."""
    if is_responder not in _responders:
        _responders.append(is_responder)


def register_beside(beside: Beside) -> None:
    """Have lists and pages read rows above in the statements of the automations, for panels and questions to share."""
    if beside not in _beside:
        _beside.append(beside)


def register_dead_letters(count: DeadLetters, address: str) -> None:
    """Count what failed for good and waits for a person. `address` lists it, with `{slug}` where the automation is."""
    _dead_letters[:] = [(count, address)]


def dead_letters_of(keys: Collection[int]) -> dict[int, int]:
    """By key of the automation; one query for all. Empty where no room keeps any."""
    return dict(_dead_letters[0][0](keys)) if _dead_letters and keys else {}


def dead_letters_url(slug: str) -> str:
    return _dead_letters[0][1].format(slug=slug) if _dead_letters else ""


def with_beside(rows: QuerySet[Automation]) -> QuerySet[Automation]:
    for beside in _beside:
        rows = beside(rows)
    return rows


def is_read(row: Model, *names: str) -> bool:
    """Whether these many rows were read with it."""
    return set(names) <= set(getattr(row, "_prefetched_objects_cache", ()))


def is_responder(automation: Automation, person: Person, now: datetime) -> bool:
    return any(ask(automation, person, now) for ask in _responders)


def panels_of(request: HttpRequest, automation: Automation, now: datetime) -> list[ShownPanel]:
    """The sections rooms above have for this automation, in their order."""
    found = []
    for panel in sorted(_panels.values(), key=lambda each: (each.order, each.name)):
        context = panel.context(request, automation, now)
        if context is not None:
            given = {"automation": automation, "now": now, **context}
            found.append(ShownPanel(panel.name, render_to_string(panel.template, given, request)))
    return found


def questions() -> list[Question]:
    return sorted(_questions.values(), key=lambda each: (each.order, each.key))


def annotations() -> dict[str, Exists]:
    """The questions that are rows, as annotations of automations."""
    return {
        question.annotation: Exists(question.rows().filter(automation_id=OuterRef("pk")))
        for question in _questions.values()
        if question.rows is not None
    }


def usage_of(automation: Automation, now: datetime) -> dict[str, Decimal | int]:
    found: dict[str, Decimal | int] = {}
    for usage in _usages:
        found.update(usage(automation, now))
    return found
