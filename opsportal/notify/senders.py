"""Sending one delivery: `pack` reads what it needs from the database, `post` only talks to the network.

They are apart because `post` runs in threads that never touch the database.
"""

import hashlib
import json
import smtplib
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from opsportal.notify import keyring, wording
from opsportal.notify.models import Delivery
from opsportal.notify.retry import Kind, Outcome, read_retry_after
from opsportal.notify.states import Channel
from opsportal.outbound import client
from opsportal.outbound.client import Answer
from opsportal.outbound.errors import OutboundFailed, OutboundRefused
from opsportal.outbound.masking import excerpt, mask
from opsportal.vault import signatures

TIMEOUT_SECONDS = 10.0
KEY_SPACE = uuid.UUID("5b1f2c54-6d0e-5a2b-9d53-0a4f5d0e7a11")
SLACK_PASSING_ERRORS = frozenset(
    [
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "accesslimited",
    ]
)
SLACK_OWN_FAILURES = frozenset(["internal_error", "fatal_error", "service_unavailable", "request_timeout"])


@dataclass(frozen=True, slots=True)
class Parcel:
    """Everything `post` needs; `judge` reads the answer. `secrets` never reach a stored answer."""

    url: str
    body: bytes
    headers: dict[str, str]
    judge: Callable[[Answer], Outcome]
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, ready to be handed to Django's backend."""

    to: str
    subject: str
    text: str
    headers: dict[str, str] = field(default_factory=dict)


def pack(delivery: Delivery, now: datetime) -> Parcel | Letter | Outcome:
    """What has to be sent; an Outcome when it is clear without sending that nothing may be."""
    if delivery.subscription is not None and not delivery.subscription.enabled:
        return Outcome(Kind.SWITCHED_OFF, "switched off")
    packers: dict[str, Callable[[Delivery, datetime], Parcel | Letter]] = {
        Channel.SLACK: _slack_message,
        Channel.MAIL: _mail,
        Channel.WEBHOOK: _webhook,
        Channel.SLACK_WEBHOOK: _slack_post,
    }
    return packers[delivery.channel](delivery, now)


def post(parcel: Parcel | Letter) -> Outcome:
    """Send it and say what came of it. Never raises, never touches the database; at most ten seconds."""
    try:
        return _post_letter(parcel) if isinstance(parcel, Letter) else _post_parcel(parcel)
    except Exception as error:
        return Outcome(Kind.UNCLEAR, "our own error", answer=mask(f"{type(error).__name__}: {error}")[:240])


def _post_parcel(parcel: Parcel) -> Outcome:
    try:
        answer = client.send("POST", parcel.url, headers=parcel.headers, body=parcel.body, timeout=TIMEOUT_SECONDS)
    except OutboundRefused as refusal:
        return Outcome(Kind.NEVER, "refused by our own policy", answer=mask(refusal.message))
    except OutboundFailed as failure:
        kind = Kind.UNCLEAR if failure.may_have_arrived else Kind.LATER
        return Outcome(kind, failure.reason, answer=mask(str(failure)), host_failed=True)
    return parcel.judge(answer)


# --- Slack, to a person ---


def _slack_message(delivery: Delivery, now: datetime) -> Parcel:
    """`chat.postMessage` (api.slack.com/methods/chat.postMessage): client_msg_id and metadata carry the key."""
    content = {
        "channel": delivery.destination,
        "text": wording.slack_text(delivery.messages()),
        "unfurl_links": False,
        "unfurl_media": False,
        "client_msg_id": str(uuid.uuid5(KEY_SPACE, delivery.key)),
        "metadata": {"event_type": "opsportal_message", "event_payload": {"key": delivery.key}},
    }
    token = settings.SLACK_BOT_TOKEN
    return Parcel(
        settings.SLACK_API_URL.rstrip("/") + "/chat.postMessage",
        _json(content),
        _headers(delivery, Authorization=f"Bearer {token}"),
        partial(_judge_slack, now=now, secrets=(token,)),
        (token,),
    )


def _judge_slack(answer: Answer, *, now: datetime, secrets: tuple[str, ...]) -> Outcome:
    """Slack answers 200 with ok true or false; its error is a word (rate limits are 429 or `ratelimited`)."""
    if answer.status != 200:
        return judge_status(answer, now=now, secrets=secrets)
    shown = excerpt(answer.body, secrets=secrets)
    try:
        content: Any = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict) or "ok" not in content:
        return Outcome(Kind.UNCLEAR, "not understood", answer.status, shown, host_failed=True)
    if content["ok"] is True:
        return Outcome(Kind.DELIVERED, "delivered", answer.status, shown)
    error = str(content.get("error"))[:60]
    if error not in SLACK_PASSING_ERRORS:
        return Outcome(Kind.NEVER, error, answer.status, shown)
    pause = read_retry_after(answer.headers.get("retry-after", ""), now)
    return Outcome(Kind.LATER, error, answer.status, shown, pause, host_failed=error in SLACK_OWN_FAILURES)


# --- signed webhooks and posts in a channel ---


def _webhook(delivery: Delivery, now: datetime) -> Parcel:
    event, subscription = delivery.published, delivery.subscribed
    secrets = keyring.signing_secrets(subscription, now)
    body, stamp = wording.webhook_body(event), int(now.timestamp())
    signed = [signatures.sign(secret, message_id=event.key, timestamp=stamp, body=body) for secret in secrets]
    headers = {"webhook-id": event.key, "webhook-timestamp": str(stamp), "webhook-signature": " ".join(signed)}
    return Parcel(
        subscription.url,
        body,
        {**_headers(delivery), "Idempotency-Key": event.key, **headers},
        partial(judge_status, now=now, secrets=secrets),
        secrets,
    )


def _slack_post(delivery: Delivery, now: datetime) -> Parcel:
    address = keyring.hidden_address(delivery.subscribed)
    secrets = (address, urlsplit(address).path)
    judge = partial(judge_status, now=now, secrets=secrets, permanent=frozenset({400, 403, 404}))
    body = _json({"text": wording.channel_text(delivery.published), "unfurl_links": False})
    return Parcel(address, body, _headers(delivery), judge, secrets)


def judge_status(
    answer: Answer, *, now: datetime, secrets: tuple[str, ...], permanent: frozenset[int] = frozenset()
) -> Outcome:
    """2xx has arrived; 410 wants nothing more; everything else may change, so it is tried again."""
    shown = excerpt(answer.body, secrets=secrets)
    word = f"HTTP {answer.status}"
    if 200 <= answer.status < 300:
        return Outcome(Kind.DELIVERED, "delivered", answer.status, shown)
    if answer.status == 410 or answer.status in permanent:
        return Outcome(Kind.NEVER, word, answer.status, shown, gone=answer.status == 410)
    pause = read_retry_after(answer.headers.get("retry-after", ""), now)
    # 408 and 5xx may come from behind the door: the request may have been acted on.
    kind = Kind.UNCLEAR if answer.status >= 500 or answer.status == 408 else Kind.LATER
    return Outcome(kind, word, answer.status, shown, pause, host_failed=answer.status >= 500)


# --- mail ---


def _mail(delivery: Delivery, now: datetime) -> Letter:
    messages = delivery.messages()
    host = urlsplit(settings.BASE_URL).hostname or "opsportal"
    headers = {
        "Message-ID": f"<{hashlib.sha256(delivery.key.encode()).hexdigest()[:40]}@{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Correlation-ID": messages[0].trace_id,
    }
    return Letter(delivery.destination, wording.title_of(messages), wording.mail_text(messages), headers)


def _post_letter(letter: Letter) -> Outcome:
    """By Django's backend. SMTP's own codes say whether it may work later (RFC 5321 4.2.1: 4yz, 5yz)."""
    connection = get_connection(timeout=TIMEOUT_SECONDS) if _is_smtp() else get_connection()
    mail = EmailMessage(letter.subject, letter.text, to=[letter.to], headers=letter.headers, connection=connection)
    try:
        connection.open()
    except OSError as error:
        return Outcome(Kind.LATER, "connect", answer=mask(f"{type(error).__name__}: {error}")[:240], host_failed=True)
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        code, words = next(iter(refusal.recipients.values()))
        return _smtp_refusal(code, words)
    except smtplib.SMTPResponseException as refusal:
        return _smtp_refusal(refusal.smtp_code, refusal.smtp_error)
    except ValueError as error:  # BadHeaderError and addresses that are none
        return Outcome(Kind.NEVER, "not a mail", answer=mask(str(error))[:240])
    except OSError as error:
        return Outcome(Kind.UNCLEAR, "broken", answer=mask(f"{type(error).__name__}: {error}")[:240], host_failed=True)
    finally:
        with suppress(OSError):
            connection.close()
    return Outcome(Kind.DELIVERED, "delivered")


def _smtp_refusal(code: int, words: bytes | str) -> Outcome:
    shown = excerpt(words if isinstance(words, bytes) else words.encode(), limit=240)
    return Outcome(Kind.NEVER if code >= 500 else Kind.LATER, f"SMTP {code}", code, shown)


def _is_smtp() -> bool:
    return settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend"


# --- shared ---


def _headers(delivery: Delivery, **more: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": delivery.key,
        "X-Correlation-ID": delivery.trace_id,
        **more,
    }


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
