"""Kinds of approvals: rooms above say who may decide one and what follows from it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from opsportal.approvals.models import Approval
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict
from opsportal.identity.models import Person
from opsportal.identity.roles import Role


class NoLongerHolds(Conflict):
    """What was asked for does not fit the record any more. Raised by `on_approved`, it voids the request; the message
    says why.
    """

    def __init__(self, message: str) -> None:
        super().__init__("approval_voided", message)


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a waiting request stands at this moment: what approving it would do now, or why it no longer holds."""

    sentence: str
    holds: bool = True


OnApproved = Callable[[Approval, Actor, datetime], object]
MayDecide = Callable[[Person, Approval], bool]
Which = Callable[[Person, Sequence[Approval]], Iterable[Approval]]
Look = Callable[[Approval, datetime], Outlook]
Observer = Callable[[str, Approval, Actor, datetime], object]


def is_ops_lead(person: Person, approval: Approval) -> bool:
    """The usual answer to who may decide. Admins look after people and never approve (separation of duties)."""
    return Role.OPS_LEAD in person.roles


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    label: str
    may_decide: MayDecide
    on_approved: OnApproved | None
    look: Look | None = None
    which: Which | None = None


_kinds: dict[str, Kind] = {}
_observers: list[Observer] = []


def register(
    kind: str,
    *,
    label: str = "",
    on_approved: OnApproved | None = None,
    may_decide: MayDecide = is_ops_lead,
    look: Look | None = None,
    which: Which | None = None,
) -> None:
    """Make a kind known, from AppConfig.ready.

    `on_approved(approval, actor, now)` runs in the transaction of the decision; what it raises undoes the decision,
    and NoLongerHolds voids the request as well. `may_decide(person, approval)` is asked at the decision and again when
    the approval is used. That nobody decides their own request holds for every kind. `which(person, approvals)` answers
    the same for many at once, where asking for each would cost statements. `look(approval, now)` tells a
    page how a waiting request stands; one that no longer holds is voided by the sweep.
    """
    _kinds[kind] = Kind(kind, label or kind.replace("_", " "), may_decide, on_approved, look, which)


def get(kind: str) -> Kind:
    """The kind; one whose room is gone can be decided by nobody."""
    return _kinds.get(kind) or Kind(kind, kind.replace("_", " "), lambda person, approval: False, None)


def decidable(person: Person, approvals: Sequence[Approval]) -> list[Approval]:
    """Those of these that the person may decide, in their order."""
    by_kind: defaultdict[str, list[Approval]] = defaultdict(list)
    for approval in approvals:
        by_kind[approval.kind].append(approval)
    keys = {each.pk for name, several in by_kind.items() for each in _decidable(get(name), person, several)}
    return [approval for approval in approvals if approval.pk in keys]


def _decidable(kind: Kind, person: Person, approvals: Sequence[Approval]) -> Iterable[Approval]:
    if kind.which is not None:
        return kind.which(person, approvals)
    return [approval for approval in approvals if kind.may_decide(person, approval)]


def is_known(kind: str) -> bool:
    return kind in _kinds


def names_with_a_look() -> list[str]:
    """The kinds whose waiting requests can cease to hold by themselves."""
    return [kind.name for kind in _kinds.values() if kind.look is not None]


def labels() -> list[tuple[str, str]]:
    return sorted((kind.name, kind.label) for kind in _kinds.values())


def observe(observer: Observer) -> None:
    """Have `observer(event, approval, actor, now)` called in the transaction of each event, to tell people about it.

    Events: requested, approved, refused, voided, expired, used.
    """
    if observer not in _observers:
        _observers.append(observer)


def notify(event: str, approval: Approval, actor: Actor, now: datetime) -> None:
    for observer in _observers:
        observer(event, approval, actor, now)
