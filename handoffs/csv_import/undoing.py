"""Taking imported handoffs out again: what nobody has touched since goes, the rest stays and says why.

The timer's own doing touches nothing: an import that was a mistake has just let it act on all of them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from handoffs.firing import TIMER
from handoffs.models import Handoff
from handoffs.operations.change import Change
from handoffs.operations.ledger import Ledger
from opsportal.approvals.models import Approval
from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.audit.sentences import sentence
from opsportal.imports.registry import Undoing

SLICE = 500
# What follows for every record of a rule or reason from a decision about that.
FOLLOWED = ("handoff.terms_adopted", "handoff.reason_followed")


def look_back(keys: Sequence[str], last_entry: int) -> Undoing:
    """What undoing would take out and what it would keep."""
    kept: dict[str, str] = {}
    for some in _slices(keys):
        kept |= _touched(some, last_entry)
    return Undoing([key for key in keys if key not in kept], kept)


def remove(keys: Sequence[str], last_entry: int, *, file_name: str, actor: Actor, now: datetime) -> Undoing:
    """Delete what is untouched, with a line in the trail for each; in the caller's transaction."""
    locked: list[Handoff] = []
    for some in _slices(sorted(keys)):
        locked += Handoff.objects.with_names().select_for_update(of=("self",)).filter(pk__in=some).order_by("pk")
    done = look_back(keys, last_entry)
    gone = [one for one in locked if str(one.pk) not in done.kept]
    for at in range(0, len(gone), SLICE):
        ledger = Ledger(now)
        for one in gone[at : at + SLICE]:
            change = Change(one, [], actor, now, Change.facts_of(one))
            change.note("removed", file=file_name)
            ledger.remove(change)
        ledger.write()
    return done


def _slices(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[at : at + SLICE] for at in range(0, len(keys), SLICE))


def _touched(keys: Sequence[str], last_entry: int) -> dict[str, str]:
    """Why these stay: the first thing that happened to each since, as its story tells it."""
    entries = Entry.objects.filter(subject_type="handoff", subject_id__in=keys, id__gt=last_entry)
    entries = entries.exclude(actor_kind=TIMER.kind, actor_id=TIMER.id).exclude(action__in=FOLLOWED)
    found: dict[str, str] = {}
    for entry in entries.select_related("detail").order_by("id"):
        found.setdefault(entry.subject_id, sentence(entry))
    asked = Approval.objects.filter(subject_type="handoff", subject_id__in=keys)
    for key in asked.values_list("subject_id", flat=True):
        found.setdefault(key, "Somebody proposed another timer for it.")
    for known in Handoff.objects.filter(pk__in=keys, from_case=True).values_list("pk", flat=True):
        found.setdefault(str(known), "Events of its case belong to it.")
    return found
