"""The request of an item: `render` reads what it needs from the database, `post` talks to the network and nothing else.

They are apart because `post` runs in threads that never touch the database; a dry run renders and posts nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from opsportal.outbound import client
from opsportal.outbound.errors import OutboundFailed, OutboundRefused
from opsportal.outbound.masking import excerpt, mask
from opsportal.vault import signatures
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.queue import vaulting
from runbooks.queue.engine.outcomes import Kind, Outcome, judge
from runbooks.targets.secrets import Credentials, credentials, shadow_credentials

MAX_ANSWER_BYTES = 65_536
HIDDEN = "•••"
SHADOW_HEADER = "Opsportal-Shadow"


@dataclass(frozen=True, slots=True)
class Parcel:
    """Everything `post` needs. `secrets` never reach a stored answer, `shown_headers` never hold one."""

    url: str
    headers: dict[str, str]
    body: bytes
    timeout: float
    already_there: frozenset[int]
    secrets: tuple[str, ...] = ()

    @property
    def shown_headers(self) -> dict[str, str]:
        return {
            name: HIDDEN if name in ("Authorization", "webhook-signature") else v for name, v in self.headers.items()
        }


def render(item: ReplayItem, target: ReplayTarget, now: datetime, *, body: bytes | None = None) -> Parcel:
    """The request as it would leave at `now`, signed as Standard Webhooks asks. `body` replaces the stored one, for a
    preview. Raises vault's errors when the payload does not open, LookupError without a secret.
    """
    content = vaulting.open_payload(item) if body is None else body
    known = credentials(target)
    headers = _headers(item, item.webhook_id, content, known, now)
    return _parcel(target, target.url, headers, content, known)


def render_shadow(item: ReplayItem, target: ReplayTarget, now: datetime, *, body: bytes, webhook_id: str) -> Parcel:
    """The same for the target's shadow, marked as such: an id of its own, so that whoever shares a store with the
    target never takes the real one for a duplicate, and none of the target's secrets.
    """
    known = shadow_credentials(target)
    headers = {**_headers(item, webhook_id, body, known, now), SHADOW_HEADER: "true"}
    return _parcel(target, target.shadow_url, headers, body, known)


def _headers(item: ReplayItem, webhook_id: str, body: bytes, known: Credentials, now: datetime) -> dict[str, str]:
    stamp = int(now.timestamp())
    headers = {
        "Content-Type": item.content_type,
        "webhook-id": webhook_id,
        "webhook-timestamp": str(stamp),
        "Idempotency-Key": webhook_id,
    }
    if item.correlation_id:
        headers["X-Correlation-ID"] = item.correlation_id
    if known.signing:
        headers["webhook-signature"] = signatures.sign(known.signing, message_id=webhook_id, timestamp=stamp, body=body)
    if known.bearer:
        headers["Authorization"] = f"Bearer {known.bearer}"
    return headers


def _parcel(target: ReplayTarget, url: str, headers: dict[str, str], body: bytes, known: Credentials) -> Parcel:
    there = frozenset(int(status) for status in target.already_there)
    return Parcel(url, headers, body, float(target.timeout_seconds), there, known.all)


def post(parcel: Parcel, now: datetime) -> Outcome:
    """Send it and say what came of it. Never raises, never touches the database, never follows a redirect."""
    try:
        answer = client.send(
            "POST",
            parcel.url,
            headers=parcel.headers,
            body=parcel.body,
            timeout=parcel.timeout,
            max_bytes=MAX_ANSWER_BYTES,
        )
    except OutboundRefused as refusal:
        return Outcome(Kind.NOT_SENT, "refused by our own policy", answer=mask(refusal.message), target_failed=True)
    except OutboundFailed as failure:
        kind = Kind.UNCLEAR if failure.may_have_arrived else Kind.LATER
        detail = str(failure).removeprefix(f"{failure.reason}: ")
        return Outcome(kind, failure.reason, answer=mask(detail), target_failed=True)
    except Exception as error:  # ours; what is not known to have stayed here may have left
        return Outcome(Kind.UNCLEAR, "our own error", answer=mask(f"{type(error).__name__}: {error}")[:240])
    shown = excerpt(answer.body, secrets=parcel.secrets)
    outcome = judge(answer.status, answer.headers, answer=shown, now=now, already_there=parcel.already_there)
    return Outcome(
        outcome.kind,
        outcome.word,
        outcome.status,
        outcome.answer,
        outcome.retry_after,
        outcome.target_failed,
        int(answer.seconds * 1000),
    )
