"""What people do with their messages, with the way they are told, and with a delivery that was given up."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person
from opsportal.notify.models import Delivery, Message, Preference
from opsportal.notify.states import RESTARTABLE, DeliveryState


def mark_read(person: Person, ids: Iterable[UUID], *, now: datetime) -> int:
    """Mark some of a person's own messages as read; answers how many were unread."""
    return Message.objects.filter(recipient=person, pk__in=list(ids), read_at=None).update(read_at=now)


def mark_all_read(person: Person, *, now: datetime) -> int:
    """Mark what a person has been told up to `now` as read; what came in meanwhile stays unread."""
    return Message.objects.filter(recipient=person, created_at__lte=now, read_at=None).update(read_at=now)


@transaction.atomic
def set_preference(person: Person, *, slack: bool | None, mail: bool | None, actor: Actor, now: datetime) -> Preference:
    """How a person wants to be told beside the inbox; None leaves it to the house (Slack, else mail)."""
    preference = Preference.objects.filter(person=person).first() or Preference(person=person)
    before = {"slack": preference.slack, "mail": preference.mail}
    preference.slack, preference.mail = slack, mail
    preference.save()
    subject = Subject("person", str(person.pk), str(person))
    after = {"slack": slack, "mail": mail}
    record(Draft(actor, "person.reach_changed", subject, now, before=before, after=after))
    return preference


@transaction.atomic
def retry_delivery(delivery: Delivery, *, reason: str, actor: Actor, now: datetime) -> Delivery:
    """Start a delivery again that was given up. Raises Conflict when it was not, InvalidInput without a reason.

    It keeps its key: a receiver that has seen it after all takes it for the repeat it is.
    """
    if not reason.strip():
        raise InvalidInput("blank", "Say why it will work now.", field="reason")
    changed = Delivery.objects.filter(pk=delivery.pk, state__in=RESTARTABLE).update(
        state=DeliveryState.PENDING, attempts=0, failures=0, tries_since=None, next_attempt_at=now, finished_at=None
    )
    if not changed:
        raise Conflict("not_given_up", "Only a delivery that was given up or dropped can be started again.")
    before, after = {"state": delivery.state}, {"state": DeliveryState.PENDING.value}
    subject = Subject("delivery", str(delivery.pk), delivery.key)
    record(
        Draft(
            actor,
            "delivery.retried",
            subject,
            now,
            trace_id=delivery.trace_id,
            team=delivery.team,
            reason=reason.strip(),
            before=before,
            after=after,
        )  # fmt: skip
    )
    delivery.refresh_from_db()
    return delivery
