"""Sharing the page of budgets with whoever has an address: made, opened, revoked; each leaves an entry."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from slos.models import ShareLink
from slos.reports import links

MAX_DAYS = 90
HEARD_EVERY = timedelta(hours=1)
SOMEBODY = Actor("unknown", "", "somebody with the address")


def share_budgets(*, person: Person, label: str, days: int, now: datetime) -> ShareLink:
    """A link that shows what `person` may see, for so many days. Raises InvalidInput."""
    if not label.strip() or len(label) > 120:
        raise InvalidInput("required", "Say whom it is for, in at most 120 characters.", field="label")
    if not 1 <= days <= MAX_DAYS:
        raise InvalidInput("bad_days", f"From 1 to {MAX_DAYS} days.", field="days")
    with transaction.atomic():
        link = ShareLink.objects.create(
            label=label.strip(), author=person, created_at=now, expires_at=now + timedelta(days=days)
        )
        _record(link, "created", actor_for(person), now, until=link.expires_at)
    return link


@transaction.atomic
def revoke_share(link: ShareLink, *, person: Person, now: datetime) -> None:
    """Close it for everybody at once. Its author may, and ops leads. Raises Forbidden, Conflict."""
    if link.author_id != person.pk and not person.allows("slos:write"):
        raise Forbidden("not_yours", "Who made the link, or an ops lead, may revoke it.")
    if ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=now) == 0:
        raise Conflict("revoked", "This link is revoked already.")
    _record(link, "revoked", actor_for(person), now)


@transaction.atomic
def open_share(token: str, *, actor: Actor = SOMEBODY, now: datetime) -> ShareLink:
    """The link of an address; counts the visit, and notes it in the trail at most once an hour. Raises NotFound."""
    link = links.link_of(token)
    if link is None or not links.is_open(link, now):
        raise NotFound("unknown_share", "This address shows nothing, or no longer.")
    is_news = link.opened_at is None or now - link.opened_at >= HEARD_EVERY
    values = {"opened_count": F("opened_count") + 1} | ({"opened_at": now} if is_news else {})
    ShareLink.objects.filter(pk=link.pk).update(**values)
    if is_news:
        _record(link, "opened", actor, now)
    return link


def _record(link: ShareLink, action: str, actor: Actor, now: datetime, **extra: object) -> None:
    audit.record(
        Draft(
            actor=actor,
            action=f"share.{action}",
            subject=Subject("share", str(link.pk), f"the budgets for {link.label}"),
            at=now,
            team=link.author.team.slug if link.author.team else "",
            extra=dict(extra),
        )
    )
