"""What leaves the house, in words: Slack text, mail, the body of a webhook. Pure; personal data is masked on the way.

Links are made of settings.BASE_URL and a path of ours, never of a request's Host header.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from opsportal.notify.engine import one_line
from opsportal.notify.models import Message, PublishedEvent
from opsportal.outbound.masking import mask

MOST_LINES = 20
SLACK_LIMIT = 3000
CHANNEL_FIELDS = ("rule", "owner", "backup_owner", "state", "due_at")


def link(path: str) -> str:
    """The absolute address of a page; anything that is not a path of ours leads to the inbox."""
    return f"{settings.BASE_URL}{path_of(path)}"


def path_of(path: str) -> str:
    """The path, when it is one of ours; else the inbox."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if ours else "/inbox/"


def title_of(messages: Sequence[Message]) -> str:
    """The title of one message, or of the digest of several."""
    if len(messages) == 1:
        return one_line(mask(messages[0].title))
    return f"{len(messages)} messages from the time opsportal was away"


def slack_text(messages: Sequence[Message]) -> str:
    """One message, or a digest, in Slack's markup; nothing in the words can become a mention or a link."""
    if len(messages) > 1:
        lines = [f"• <{link(one.url)}|{_slack(mask(one.title))}>" for one in messages[:MOST_LINES]]
        return "\n".join([f"*{title_of(messages)}*", *lines, *_more(messages)])
    message = messages[0]
    parts = [f"*{_slack(mask(message.title))}*", _slack(mask(message.body)), f"<{link(message.url)}|Open in opsportal>"]
    return "\n".join(part for part in parts if part)[:SLACK_LIMIT]


def mail_text(messages: Sequence[Message]) -> str:
    """The plain text of a mail with one message or a digest."""
    if len(messages) > 1:
        lines = [f"- {one_line(mask(one.title))}\n  {link(one.url)}" for one in messages[:MOST_LINES]]
        return "\n".join([*lines, *_more(messages), "", link("/inbox/"), ""])
    message = messages[0]
    parts = [mask(message.title), mask(message.body), link(message.url), f"Trace: {message.trace_id}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def webhook_body(event: PublishedEvent) -> bytes:
    """The JSON of one event; the same bytes at every attempt."""
    content = {
        "type": event.type,
        "timestamp": _iso(event.created_at),
        "data": event.data,
        "trace_id": event.trace_id,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def channel_text(event: PublishedEvent) -> str:
    """One event as a post in a Slack channel."""
    data = event.data
    about = data.get("subject") or data.get("name") or data.get("external_ref") or data.get("id") or ""
    facts = [f"{name.replace('_', ' ')}: {data[name]}" for name in CHANNEL_FIELDS if data.get(name)]
    address = _page_of(data)
    lines = [
        f"*{_slack(event.type)}* {_slack(mask(one_line(str(about))))}".strip(),
        _slack(mask(" · ".join(facts))),
        f"<{address}|Open in opsportal>" if address else "",
    ]
    return "\n".join(line for line in lines if line)[:SLACK_LIMIT]


def _page_of(data: dict[str, Any]) -> str:
    """The page of the record an event is about, when its data names one of ours."""
    path = str(data.get("page") or data.get("path") or "")
    return link(path) if path.startswith("/") else ""


def _more(messages: Sequence[Message]) -> list[str]:
    hidden = len(messages) - MOST_LINES
    return [f"… and {hidden} more in your inbox."] if hidden > 0 else []


def _slack(text: str) -> str:
    """Escaped as Slack asks (api.slack.com, "escaping text"): & < > and nothing else."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
