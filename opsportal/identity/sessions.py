"""The session store: Django's database store, with the columns a person's list of sessions shows."""

from datetime import datetime
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from opsportal.identity.models import BrowserSession


class SessionStore(DatabaseStore):
    """`began_at` and `seen_at` (ISO 8601), `address` and `agent` are put into the data by the session middleware."""

    @classmethod
    def get_model_class(cls) -> type[BrowserSession]:
        return BrowserSession

    def create_model_instance(self, data: dict[str, Any]) -> BrowserSession:
        row = cast(BrowserSession, super().create_model_instance(data))
        row.person_id = data.get(SESSION_KEY)
        row.began_at, row.seen_at = _instant(data.get("began_at")), _instant(data.get("seen_at"))
        row.address, row.agent = data.get("address"), data.get("agent", "")
        return row


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
