"""Erasing a data subject from handoffs and the event log: what names them goes; times, verdicts and rates stay."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from handoffs.models import CaseEvent, Fact, Handoff, Pause
from handoffs.operations import cancel_handoff
from opsportal.audit.engine import Actor
from opsportal.audit.erasers import Erased, Found, Sought
from opsportal.audit.mentions import ERASED
from opsportal.ids import new_id

BATCH = 500
REASON = "Its data subject was erased."


def find_subject(keys: Sequence[str]) -> Found:
    """Handoffs of these references, or named exactly so."""
    rows = Handoff.objects.filter(Q(external_ref__in=keys) | Q(subject__in=keys)).values_list("pk", "subject")
    found = dict(rows)
    return Found(
        records=frozenset(("handoff", str(pk)) for pk in found),
        names=frozenset(subject for subject in found.values() if subject and subject != ERASED),
    )


def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """What still runs is cancelled: nobody can act on it. References become random ones, one for each that was."""
    mine = Handoff.objects.filter(pk__in=sought.ids_of("handoff"))
    references = sorted({*sought.keys, *mine.exclude(external_ref="").values_list("external_ref", flat=True)})
    events = CaseEvent.objects.filter(case_id__in=references)
    running = [handoff for handoff in mine if handoff.is_running]
    counts = {"handoffs": mine.count(), "running_cancelled": len(running), "case_events": events.count()}
    if not is_look:
        for handoff in running:
            cancel_handoff(handoff, actor=actor, now=now, reason=REASON)
        _blank(mine)
        for reference in references:
            _rename(reference, mine)
    return Erased(counts)


def _blank(mine: QuerySet[Handoff]) -> None:
    ids = list(mine.values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        Handoff.objects.filter(pk__in=chunk).update(subject=ERASED, url="", attributes={}, event_id="")
        Handoff.objects.filter(pk__in=chunk).exclude(cancel_reason="").update(cancel_reason=REASON)
        Pause.objects.filter(handoff__in=chunk).update(reason="")
        Fact.objects.filter(handoff__in=chunk).update(data={})


def _rename(reference: str, mine: QuerySet[Handoff]) -> None:
    """Handoffs and events of one reference stay together: rates and journeys still count them as one."""
    instead = f"erased:{new_id()}"
    mine.filter(external_ref=reference).update(external_ref=instead)
    events = CaseEvent.objects.filter(case_id=reference)
    events.update(case_id=instead, location="", attributes={}, event_id="")
