"""Erasing a data subject from handoffs and the event log: what names them goes; times, verdicts and rates stay."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from handoffs.models import CaseEvent, Fact, Handoff, Pause
from handoffs.operations import cancel_handoff
from opsportal.audit.engine import Actor
from opsportal.audit.erasers import Erased, Found, Sought
from opsportal.audit.mentions import ERASED, Mentions
from opsportal.audit.seeking import rows_naming
from opsportal.ids import new_id

BATCH = 500
REASON = "Its data subject was erased."


def find_subject(keys: Sequence[str]) -> Found:
    """Handoffs of these references. A name finds none: others have it too, so it is only taken out of texts."""
    found = rows_naming(Handoff.objects.all(), "external_ref", mentions=Mentions(keys))
    names = Handoff.objects.filter(pk__in=found).exclude(subject__in=["", ERASED]).values_list("subject", flat=True)
    return Found(records=frozenset(("handoff", str(pk)) for pk in found), names=frozenset(names))


def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """What still runs is cancelled: nobody can act on it. References become random ones, one for each that was."""
    mine = Handoff.objects.filter(pk__in=sought.ids_of("handoff"))
    references = _references(sought, mine)
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


def _references(sought: Sought, mine: QuerySet[Handoff]) -> list[str]:
    """Those of their handoffs and those that the event log knows them by, each as it is written there."""
    of_events = rows_naming(CaseEvent.objects.all(), "case_id", mentions=sought.mentions)
    told = CaseEvent.objects.filter(pk__in=of_events).order_by().values_list("case_id", flat=True)
    return sorted({*told, *mine.exclude(external_ref="").values_list("external_ref", flat=True)})


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
