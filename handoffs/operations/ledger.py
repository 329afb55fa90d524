"""Many records opened, moved or taken out at once: all that must commit with them, in a handful of statements.

Change.commit is the same for one record; what is added to one of them belongs into the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from handoffs import bulk
from handoffs.models import Handoff
from handoffs.operations import rates
from handoffs.operations.change import SLA_CHANGE, Change
from opsportal.approvals.models import Approval
from opsportal.approvals.states import State as ApprovalState
from opsportal.audit import operations as audit
from opsportal.audit.engine import Draft
from opsportal.notify import operations as notify
from opsportal.notify.engine import Event

SLICE = 1_000  # keys in one lookup
WRITTEN = tuple(one.attname for one in Handoff._meta.concrete_fields if not one.primary_key)

T = TypeVar("T")


@dataclass(slots=True)
class Ledger:
    """Changes are entered settled, and written together in the caller's transaction."""

    now: datetime
    opened: dict[UUID, Handoff] = field(default_factory=dict)
    moved: dict[UUID, Handoff] = field(default_factory=dict)
    gone: list[UUID] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)  # of records that stood before
    drafts: list[Draft] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def open(self, change: Change) -> None:
        """A new record (operations.records.creation_of), with whatever has happened to it already."""
        self.opened[change.handoff.pk] = change.handoff
        self._tell(change)

    def move(self, change: Change) -> None:
        """A locked record, or one that was opened in this ledger."""
        self._tell(change)
        if change.handoff.pk not in self.opened:
            self.moved[change.handoff.pk] = change.handoff
            self.changes.append(change)

    def remove(self, change: Change) -> None:
        """A locked record that is to be deleted."""
        self._tell(change, is_gone=True)
        self.gone.append(change.handoff.pk)
        self.changes.append(change)

    def save(self, handoff: Handoff) -> None:
        """Without a word: nothing that anybody reads has changed."""
        self.moved[handoff.pk] = handoff

    def write(self) -> None:
        """The rows first: if one of them cannot be, nothing is told."""
        bulk.insert(Handoff, list(self.opened.values()))
        bulk.update(Handoff, list(self.moved.values()), WRITTEN)
        rated = rates.settled_days([*self.opened.values(), *self.moved.values()])
        rates.mark_days(rated.union(*(change.was_rated for change in self.changes)))
        for change in self._with_proposals():
            change.void_proposals()
        audit.record_many(self.drafts)
        if self.events:
            notify.publish_many(self.events, self.now)
        for keys in slices(self.gone):
            Handoff.objects.filter(pk__in=keys).delete()

    def _tell(self, change: Change, *, is_gone: bool = False) -> None:
        self.drafts += change.drafts(is_gone=is_gone)
        self.events += change.events()

    def _with_proposals(self) -> list[Change]:
        """Changes of records for which another timer waits to be decided about: hardly ever any."""
        waiting: set[str] = set()
        for keys in slices([str(key) for key in self.moved]):
            found = Approval.objects.filter(
                kind=SLA_CHANGE,
                subject_type="handoff",
                subject_id__in=keys,
                state__in=[ApprovalState.PENDING, ApprovalState.APPROVED],
            )
            waiting |= set(found.values_list("subject_id", flat=True))
        return [change for change in self.changes if str(change.handoff.pk) in waiting]


def slices(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    """Keys in portions that one statement takes."""
    return (keys[at : at + SLICE] for at in range(0, len(keys), SLICE))
