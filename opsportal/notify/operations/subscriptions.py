"""Subscriptions: made, changed, switched off and on, given a new secret. Secrets pass through once, into the vault."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person, Team
from opsportal.notify import keyring
from opsportal.notify.channels import host_of
from opsportal.notify.engine import EVENT_PATTERN
from opsportal.notify.models import Delivery, Subscription
from opsportal.notify.states import DeliveryState
from opsportal.outbound import policy
from opsportal.vault import signatures

OVERLAP = timedelta(hours=24)
MOST_PATTERNS = 50
Kind = Subscription.Kind


@transaction.atomic
def create_subscription(
    *,
    name: str,
    url: str,
    events: Iterable[str],
    actor: Actor,
    now: datetime,
    kind: str = Kind.WEBHOOK,
    secret: str = "",
    team: Team | None = None,
    created_by: Person | None = None,
) -> tuple[Subscription, str]:
    """A new subscription and its signing secret, shown this once (empty for a Slack channel).

    Raises InvalidInput at name, url, events or secret, and OutboundRefused at url.
    """
    address = _checked_url(url)
    subscription = Subscription(
        kind=kind,
        name=_checked_name(name),
        url=_shown(address, kind),
        host=host_of(address),
        events=_checked_events(events),
        team=team,
        created_by=created_by,
        created_at=now,
    )
    signing = "" if kind == Kind.SLACK_WEBHOOK else signatures.checked_secret(secret or signatures.new_secret())
    subscription.secret = keyring.close(subscription, signing or address)
    subscription.save(force_insert=True)
    record(_draft("webhook.created", subscription, actor, now, after=_values(subscription)))
    return subscription, signing


@transaction.atomic
def change_subscription(
    subscription: Subscription,
    *,
    actor: Actor,
    now: datetime,
    name: str | None = None,
    url: str | None = None,
    events: Iterable[str] | None = None,
) -> Subscription:
    """Change what was given. What waits already still goes to the address it was meant for at the time of sending."""
    subscription = _locked(subscription)
    before = _values(subscription)
    if name is not None:
        subscription.name = _checked_name(name)
    if events is not None:
        subscription.events = _checked_events(events)
    if url is not None:
        _move(subscription, _checked_url(url))
    subscription.save()
    record(_draft("webhook.changed", subscription, actor, now, before=before, after=_values(subscription)))
    return subscription


@transaction.atomic
def disable_subscription(subscription: Subscription, *, reason: str, actor: Actor, now: datetime) -> Subscription:
    """Send nothing more, and drop what waits. Doing it twice changes nothing."""
    subscription = _locked(subscription)
    if not subscription.enabled:
        return subscription
    subscription.disabled_at, subscription.disabled_reason = now, reason[:240]
    subscription.save(update_fields=["disabled_at", "disabled_reason"])
    waiting = Delivery.objects.filter(subscription=subscription, state=DeliveryState.PENDING)
    dropped = waiting.update(state=DeliveryState.SUPPRESSED, finished_at=now)
    record(_draft("webhook.disabled", subscription, actor, now, reason=reason, extra={"dropped": dropped}))
    return subscription


@transaction.atomic
def enable_subscription(subscription: Subscription, *, actor: Actor, now: datetime) -> Subscription:
    """Send again, from now on."""
    subscription = _locked(subscription)
    if subscription.enabled:
        return subscription
    subscription.disabled_at, subscription.disabled_reason = None, ""
    subscription.save(update_fields=["disabled_at", "disabled_reason"])
    record(_draft("webhook.enabled", subscription, actor, now))
    return subscription


@transaction.atomic
def rotate_subscription_secret(
    subscription: Subscription, *, actor: Actor, now: datetime, secret: str = "", overlap: timedelta = OVERLAP
) -> tuple[Subscription, str]:
    """A new secret, shown this once; for the time of `overlap` the old one signs too. Raises Conflict, InvalidInput."""
    subscription = _locked(subscription)
    if subscription.kind != Kind.WEBHOOK:
        raise Conflict("no_secret", "A Slack channel has no signing secret; change its address instead.")
    fresh = signatures.checked_secret(secret or signatures.new_secret())
    subscription.previous_secret, subscription.previous_until = subscription.secret, now + overlap
    subscription.secret = keyring.close(subscription, fresh)
    subscription.save(update_fields=["secret", "previous_secret", "previous_until"])
    after = {"previous_until": subscription.previous_until}
    record(_draft("webhook.secret_rotated", subscription, actor, now, after=after))
    return subscription, fresh


def _locked(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_for_update(of=("self",)).select_related("team").get(pk=subscription.pk)


def _move(subscription: Subscription, address: str) -> None:
    """Point at another address, waiting deliveries included: their host decides which breaker they stand behind."""
    subscription.url, subscription.host = _shown(address, subscription.kind), host_of(address)
    if subscription.kind == Kind.SLACK_WEBHOOK:
        subscription.secret = keyring.close(subscription, address)
    waiting = Delivery.objects.filter(subscription=subscription, state=DeliveryState.PENDING)
    waiting.update(host=subscription.host, destination=subscription.url)


def _checked_name(name: str) -> str:
    if not name.strip() or len(name.strip()) > 120:
        raise InvalidInput("name_invalid", "A name of up to 120 characters says who listens there.", field="name")
    return name.strip()


def _checked_url(url: str) -> str:
    if len(url) > 500:
        raise InvalidInput("url_too_long", "An address has at most 500 characters.", field="url")
    policy.check_url(url)
    return url


def _checked_events(events: Iterable[str]) -> list[str]:
    patterns = list(dict.fromkeys(events))
    if not patterns or len(patterns) > MOST_PATTERNS:
        raise InvalidInput("events_invalid", f"Name one to {MOST_PATTERNS} kinds of events.", field="events")
    for pattern in patterns:
        if len(pattern) > 80 or not EVENT_PATTERN.fullmatch(pattern):
            message = f"“{pattern[:80]}” is no kind of event. Examples: handoff.reassigned, handoff.*, *."
            raise InvalidInput("events_invalid", message, field="events")
    return patterns


def _shown(address: str, kind: str) -> str:
    """The address as it may be read later: of a Slack incoming webhook only the host, the rest is its secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/…" if kind == Kind.SLACK_WEBHOOK else address


def _values(subscription: Subscription) -> dict[str, Any]:
    team = subscription.team.slug if subscription.team else None
    return {"name": subscription.name, "host": subscription.host, "events": subscription.events, "team": team}


def _draft(action: str, subscription: Subscription, actor: Actor, now: datetime, **details: Any) -> Draft:
    subject = Subject("webhook", str(subscription.pk), subscription.name)
    return Draft(actor, action, subject, now, team=subscription.team.slug if subscription.team else "", **details)
