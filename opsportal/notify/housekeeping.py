"""Old messages and events leave after a while; what still waits to be sent never does."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef

from opsportal.notify.models import Delivery, Message, PublishedEvent
from opsportal.sweeps.registry import SweepResult

EVERY = timedelta(hours=1)
BATCH = 500


def sweep(now: datetime) -> SweepResult:
    """Remove one batch of what is older than settings.OUTBOX_KEEP_DAYS."""
    before = now - timedelta(days=settings.OUTBOX_KEEP_DAYS)
    removed = _remove_events(before) + _remove_messages(before)
    return SweepResult(examined=removed, fired=removed)


def _remove_events(before: datetime) -> int:
    waiting = Delivery.objects.filter(event=OuterRef("pk"), finished_at=None)
    old = PublishedEvent.objects.filter(~Exists(waiting), created_at__lt=before)
    return _delete(PublishedEvent, list(old.order_by("created_at").values_list("pk", flat=True)[:BATCH]))


def _remove_messages(before: datetime) -> int:
    """A message that was merged goes with the digest that carried it, so both are looked at."""
    waiting = Delivery.objects.filter(message=OuterRef("pk"), finished_at=None)
    carried = Delivery.objects.filter(message=OuterRef("pk"), merged_into__isnull=False, merged_into__finished_at=None)
    old = Message.objects.filter(~Exists(waiting), ~Exists(carried), created_at__lt=before)
    return _delete(Message, list(old.order_by("created_at").values_list("pk", flat=True)[:BATCH]))


def _delete(model: type[Message] | type[PublishedEvent], ids: list[UUID]) -> int:
    model.objects.filter(pk__in=ids).delete()
    return len(ids)
