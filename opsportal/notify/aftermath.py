"""What follows from a delivery that was given up: another way to the person, a word to whoever set it up."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from django.db import transaction

from opsportal.audit.engine import Actor
from opsportal.notify import channels, claims
from opsportal.notify.claims import Claim
from opsportal.notify.engine import Notice
from opsportal.notify.models import Delivery, Subscription
from opsportal.notify.operations import subscriptions, telling
from opsportal.notify.retry import Outcome
from opsportal.notify.states import Channel

log = logging.getLogger("opsportal.notify")
RELAY = Actor.system("relay")


@transaction.atomic
def record(results: Sequence[tuple[Claim, Outcome]], now: datetime) -> None:
    """Write results down together with what follows from them. A mistake in the latter never undoes the former."""
    dead = claims.record(results, now)
    if not dead:
        return
    try:
        with transaction.atomic():
            _follow_up(results, dead, now)
    except Exception:
        log.exception("What follows from a delivery that was given up could not be written down.")


def _follow_up(results: Iterable[tuple[Claim, Outcome]], dead: Sequence[Delivery], now: datetime) -> None:
    gone = {claimed.delivery.subscription_id for claimed, outcome in results if outcome.gone}
    for delivery in dead:
        if delivery.channel == Channel.SLACK:
            _try_mail(delivery, now)
    for delivery in {row.subscription_id: row for row in dead if row.subscription_id}.values():
        if delivery.subscription_id in gone:
            _switch_off(delivery.subscribed, now)
        _tell_owner(delivery, now)


def _try_mail(delivery: Delivery, now: datetime) -> None:
    """Slack would not take it: the person's mail address is the next way to reach them."""
    person_id = cast(int, delivery.recipient_id)
    reach = telling.reaches({person_id}).get(person_id)
    has_mail = Delivery.objects.filter(message=delivery.message, channel=Channel.MAIL).exists()
    if reach and reach.email and reach.mail is not False and channels.mail_host() and not has_mail:
        messages = delivery.messages()
        Delivery.objects.bulk_create(
            [telling.personal_delivery(message, Channel.MAIL, reach, now) for message in messages]
        )


def _switch_off(subscription: Subscription, now: datetime) -> None:
    reason = "The receiver answered 410 Gone: it wants to hear nothing more."
    subscriptions.disable_subscription(subscription, reason=reason, actor=RELAY, now=now)


def _tell_owner(delivery: Delivery, now: datetime) -> None:
    """Whoever set the subscription up hears of it, once an hour at most."""
    subscription = delivery.subscribed
    owner = subscription.created_by_id
    if owner is None:
        return
    notice = Notice(
        person=owner,
        topic="deliveries",
        title=f"{subscription.name} does not take what it is sent",
        body="At least one event was given up after the last attempt. The delivery log shows the answers.",
        url=f"/deliveries/?state=dead&subscription={subscription.pk}",
        key=f"dead:{subscription.pk}:{now:%Y-%m-%dT%H}",
        trace_id=delivery.trace_id,
    )
    telling.tell_many([notice], now)
