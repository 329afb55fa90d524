"""Erasing a data subject from what people and subscribers were told: the words of messages and events about it."""

from datetime import datetime

from django.db.models import Q

from opsportal.audit.engine import Actor
from opsportal.audit.erasers import Erased, Sought
from opsportal.audit.mentions import ERASED
from opsportal.notify.models import Attempt, Message, PublishedEvent

BATCH = 500


def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """What waits is still sent, and says no more than that its record was erased."""
    ids, counts = sought.all_ids(), {"messages": 0, "events": 0}
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        messages = Message.objects.filter(about__in=chunk)
        events = PublishedEvent.objects.filter(about__in=chunk)
        counts["messages"] += messages.count()
        counts["events"] += events.count()
        if not is_look:
            about = Q(delivery__message__about__in=chunk) | Q(delivery__event__about__in=chunk)
            answers = Attempt.objects.filter(about).exclude(answer="").values("pk")
            Attempt.objects.filter(pk__in=list(answers.values_list("pk", flat=True))).update(answer="")
            messages.update(title=ERASED, body="")
            events.update(data={"erased": True})
    return Erased(counts)
