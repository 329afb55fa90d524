"""Erasing a data subject from the bodies of pings, which senders fill as they like."""

from datetime import datetime

from opsportal.audit.engine import Actor
from opsportal.audit.erasers import Erased, Sought
from slos.models import Ping

BATCH = 500


def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """A body that names them goes whole; that the ping came, and when, stays."""
    bodies = Ping.objects.exclude(body=None).values_list("pk", "body").iterator(chunk_size=BATCH)
    found = [pk for pk, body in bodies if body is not None and sought.mentions.stand_in(body)]
    if not is_look:
        for start in range(0, len(found), BATCH):
            Ping.objects.filter(pk__in=found[start : start + BATCH]).update(body=None)
    return Erased({"bodies": len(found)})
