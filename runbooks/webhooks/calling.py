"""One call of a webhook: signed per Standard Webhooks, to the checked address, bounded. It never touches the database
between rendering and the answer, and is never repeated by itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsportal.outbound import client
from opsportal.outbound.errors import OutboundFailed, OutboundRefused
from opsportal.outbound.masking import excerpt, mask
from opsportal.vault import signatures
from runbooks.models import Webhook
from runbooks.targets.secrets import credentials

MAX_ANSWER_BYTES = 65_536
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Called:
    """What came of it. `may_repeat`: it has certainly not acted, or acts once per webhook-id."""

    holds: bool
    sentence: str
    may_repeat: bool


def call(webhook: Webhook, *, message_id: str, data: Mapping[str, Any], now: datetime) -> Called:
    """Send it once. Never raises for what the other side does, or for an address that is refused now."""
    body = json.dumps({"type": "runbook.step", "timestamp": now.isoformat(), "data": data}).encode()
    try:
        known = credentials(webhook)
    except LookupError as missing:
        return Called(False, f"It was not called: {missing}", True)
    headers = _headers(known.signing, known.bearer, message_id, int(now.timestamp()), body)
    try:
        answer = client.send(
            "POST",
            webhook.url,
            headers=headers,
            body=body,
            timeout=float(webhook.timeout_seconds),
            max_bytes=MAX_ANSWER_BYTES,
        )
    except OutboundRefused as refusal:
        return Called(False, f"It was not called: {mask(refusal.message)}", True)
    except OutboundFailed as failure:
        if not failure.may_have_arrived:
            return Called(False, f"It was not reached: {mask(str(failure))}"[:SHOWN], True)
        return Called(False, "No answer came, so whether it acted is not known. Look there first.", webhook.idempotent)
    holds = 200 <= answer.status < 300
    shown = excerpt(answer.body, secrets=known.all)[:SHOWN]
    return Called(
        holds, f"It answered {answer.status}{f': {shown}' if shown else ''}", not holds and webhook.idempotent
    )


def _headers(signing: str, bearer: str, message_id: str, stamp: int, body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "Idempotency-Key": message_id,
    }
    if signing:
        headers["webhook-signature"] = signatures.sign(signing, message_id=message_id, timestamp=stamp, body=body)
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    return headers
