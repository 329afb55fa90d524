"""Programs that sign as Standard Webhooks say, for Django's test client."""

import json
from datetime import datetime
from typing import Any

from django.test import Client

from opsportal import clock
from opsportal.vault import signatures


def signed_headers(
    secret: str, body: bytes, *, message_id: str = "msg_1", at: datetime | None = None
) -> dict[str, str]:
    stamp = int((at or clock.now()).timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signatures.sign(secret, message_id=message_id, timestamp=stamp, body=body),
    }


def post(path: str, body: bytes, headers: dict[str, str], **more: Any) -> Any:
    """An answer of the real address; CSRF checks are on, no session."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return client.post(path, body, content_type="application/json", headers=headers, **more)


def body_of(**content: Any) -> bytes:
    return json.dumps(content or {"hello": "world"}).encode()
