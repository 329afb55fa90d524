"""Tokens: made, used, rotated, withdrawn, refused, leaked. The secret passes through here once and is not kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from opsportal.api import throttles
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity import keys
from opsportal.identity.addresses import parse_network
from opsportal.identity.models import ApiToken, Person, Team
from opsportal.identity.roles import SCOPES

MAX_DAYS = 365
LAST_USE_RESOLUTION = timedelta(minutes=1)


@transaction.atomic
def create_token(
    *,
    name: str,
    scopes: Iterable[str],
    days: int,
    actor: Actor,
    now: datetime,
    team: Team | None = None,
    source: str = "",
    person: Person | None = None,
    created_by: Person | None = None,
    networks: Iterable[str] = (),
) -> tuple[ApiToken, str]:
    """A new token and its text, which nobody can read again.

    `days` 1-365; `person` answers for the token: it may do no more than they may, and ends with them.
    Raises InvalidInput (unknown_scope, scope_beyond_person, bad_days, bad_network, blank).
    """
    wanted, ranges = _checked_scopes(scopes, person), _checked_networks(networks)
    if not name.strip():
        raise InvalidInput("blank", "A token needs a name that says what uses it.", field="name")
    if not 1 <= days <= MAX_DAYS:
        raise InvalidInput("bad_days", f"A token lives 1 to {MAX_DAYS} days.", field="days")
    key = keys.new_key()
    token = ApiToken.objects.create(
        name=name.strip(), key_id=key.key_id, digest=key.digest, scopes=wanted, source=source, team=team, person=person,
        networks=ranges, created_by=created_by, created_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    record(_draft("token.created", token, actor, now, after=_values(token)))
    return token, key.text


@transaction.atomic
def rotate_token(
    token: ApiToken, *, days: int, overlap: timedelta, actor: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """A successor with the same rights and source; the old one dies after `overlap` (or earlier, if it was due to).

    Raises Conflict for a token that is no longer usable.
    """
    token = ApiToken.objects.select_for_update(of=("self",)).get(pk=token.pk)
    if not token.is_usable(now):
        raise Conflict("token_ended", "This token has ended; make a new one.")
    successor, text = create_token(
        name=token.name, scopes=token.scopes, days=days, actor=actor, now=now, team=token.team, source=token.source,
        person=token.person, created_by=token.created_by, networks=token.networks,
    )  # fmt: skip
    before = token.expires_at
    token.expires_at = min(token.expires_at, now + max(overlap, timedelta(seconds=1)))
    token.save(update_fields=["expires_at"])
    after = {"expires_at": token.expires_at, "successor": successor.key_id}
    record(_draft("token.rotated", token, actor, now, before={"expires_at": before}, after=after))
    return successor, text


@transaction.atomic
def revoke_token(token: ApiToken, *, actor: Actor, now: datetime, reason: str = "") -> ApiToken:
    """The token is refused from now on. Revoking twice changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, disabled_at=None).update(disabled_at=now):
        token.disabled_at = now
        record(_draft("token.revoked", token, actor, now, reason=reason))
    return token


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Remember the last use, at most once a minute: one write for thousands of requests."""
    stale = now - LAST_USE_RESOLUTION
    if token.last_used_at is None or token.last_used_at < stale:
        unseen = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiToken.objects.filter(unseen, pk=token.pk).update(last_used_at=now)


def record_refused_token(token: ApiToken, *, reason: str, address: str | None, now: datetime) -> None:
    """`reason` is expired, disabled, person_gone or wrong_network. One entry a minute for each token and reason."""
    _record_refusal(token, "token.refused", reason, address, now)


def record_leaked_token(token: ApiToken, *, address: str | None, now: datetime) -> None:
    """The token came in an address, so it stands in logs by now."""
    _record_refusal(token, "token.leaked", "token_in_address", address, now)


def _record_refusal(token: ApiToken, action: str, reason: str, address: str | None, now: datetime) -> None:
    """A client that keeps trying must not fill the trail: the same refusal is recorded once a minute."""
    seen, _ = throttles.count(f"refused:{token.pk}:{action}:{reason}", now)
    if seen == 1:
        record(_draft(action, token, actor_of(token), now, reason=reason, extra={"address": address}))


def actor_of(token: ApiToken) -> Actor:
    return Actor("token", str(token.pk), token.name)


def _draft(action: str, token: ApiToken, actor: Actor, now: datetime, **details: Any) -> Draft:
    subject = Subject("token", str(token.pk), str(token))
    return Draft(actor, action, subject, now, team=token.team.slug if token.team else "", **details)


def _values(token: ApiToken) -> dict[str, Any]:
    return {
        "scopes": token.scopes,
        "source": token.source,
        "team": token.team.slug if token.team else None,
        "person": token.person.username if token.person else None,
        "networks": token.networks,
        "expires_at": token.expires_at,
    }


def _checked_scopes(scopes: Iterable[str], person: Person | None) -> list[str]:
    wanted = [scope for scope in SCOPES if scope in set(scopes)]
    unknown = sorted(set(scopes) - set(wanted))
    if unknown:
        raise InvalidInput("unknown_scope", f"There is no scope “{unknown[0]}”.", field="scopes")
    if not wanted:
        raise InvalidInput("blank", "A token needs at least one scope.", field="scopes")
    beyond = [scope for scope in wanted if person is not None and not person.allows(scope)]
    if beyond:
        message = f"{person} may not do “{beyond[0]}”, so neither may a token they answer for."
        raise InvalidInput("scope_beyond_person", message, field="scopes")
    return wanted


def _checked_networks(networks: Iterable[str]) -> list[str]:
    try:
        return [str(parse_network(text)) for text in networks if text.strip()]
    except ValueError:
        message = "A network looks like 203.0.113.0/24 or 2001:db8::/48."
        raise InvalidInput("bad_network", message, field="networks") from None
