"""The allow-list of what a step can do by itself. Rooms above add kinds from AppConfig.ready; nothing else runs.

A kind says what it takes, how risky it is, who may run it, what it does, how one sees that it worked, and what takes
it back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput
from opsportal.identity.models import Person
from runbooks.library.engine.document import Action
from runbooks.models import ExecutionStep

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing a kind takes, as text. `choices` are all it may be."""

    name: str
    required: bool = True
    longest: int = 240
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One pressing of the button. `key` is the same for the same step of the same execution, for idempotency."""

    params: Params
    person: Person
    actor: Actor
    now: datetime
    reason: str
    key: str
    step: ExecutionStep


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is seen afterwards."""

    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a call that left the house. `may_repeat`: it has not acted, or acts once however often it comes."""

    holds: bool
    sentence: str
    may_repeat: bool = False


def _nothing(params: Params) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class StepKind:
    """`describe` names the consequence, fit for a button. `run` answers what it did, as a sentence; it runs in the
    transaction of the step. `undo` answers the action that takes it back, or None. `faults` says what is wrong with
    parameters that are all there. `check` looks at what is to be seen afterwards.

    `reaches` answers what the parameters stand for at this moment: an approval is bound to that, too.

    `send` talks to somebody else: after the commit of what `run` noted, outside of any transaction, at most once.
    """

    name: str
    label: str
    parameters: Sequence[Parameter]
    risk: Callable[[Params], Risk]
    may_run: Callable[[Person, Params, datetime], bool]
    describe: Callable[[Params], str]
    run: Callable[[Call], str]
    check: Callable[[Params, datetime], Verdict] | None = None
    undo: Callable[[Params], dict[str, str] | None] = field(default=lambda params: None)
    faults: Callable[[Params], Iterable[str]] = _nothing
    reaches: Callable[[Params], Mapping[str, str]] = field(default=lambda params: {})
    send: Callable[[Call], Called] | None = None


_kinds: dict[str, StepKind] = {}


def register(kind: StepKind) -> None:
    _kinds[kind.name] = kind


def find(name: object) -> StepKind | None:
    return _kinds.get(name) if isinstance(name, str) else None


def all_kinds() -> list[StepKind]:
    return [_kinds[name] for name in sorted(_kinds)]


def read(action: Mapping[str, object] | None) -> tuple[StepKind, dict[str, str]]:
    """The kind of an action as stored, and its parameters. Raises InvalidInput `action` with what is wrong."""
    kind = find((action or {}).get("do"))
    if kind is None:
        raise InvalidInput("action", "There is no such action any more.")
    given = {name: value for name, value in (action or {}).items() if name != "do"}
    wrong = list(_wrong(kind, given))
    if wrong:
        raise InvalidInput("action", wrong[0])
    return kind, {name: str(value) for name, value in given.items() if str(value).strip()}


def check_action(action: Action) -> Iterable[str] | None:
    """For the library: what is wrong with an action as written."""
    kind = find(action.kind)
    return None if kind is None else _wrong(kind, action.parameters)


def _wrong(kind: StepKind, given: Mapping[str, object]) -> Iterator[str]:
    known = {one.name: one for one in kind.parameters}
    for name in given:
        if name not in known:
            yield f"“{kind.name}” takes no “{str(name)[:40]}”; it takes {', '.join(known) or 'nothing'}."
    complete = True
    for one in kind.parameters:
        value = given.get(one.name, "")
        sentence = _fault(one, value)
        complete = complete and not sentence
        if sentence:
            yield sentence
    if complete:
        yield from kind.faults({name: str(value) for name, value in given.items()})


def _fault(one: Parameter, value: object) -> str:
    if not isinstance(value, str):
        return f"“{one.name}” is one line of text."
    if one.required and not value.strip():
        return f"“{one.name}” is missing."
    if len(value) > one.longest:
        return f"“{one.name}” has at most {one.longest} characters."
    if value and one.choices and value not in one.choices:
        return f"“{one.name}” is one of {', '.join(one.choices)}."
    return ""
