"""How an entry is told: each room registers its actions with a sentence. Plain text; escaping is the template's."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsportal.audit.models import Detail, Entry

# Nothing but these is replaced: `{actor.__class__}` stays the text it is.
PLACEHOLDER = re.compile(r"\{(actor|subject|reason|rule)\}|\{(before|after|extra)\[([A-Za-z0-9_]+)\]\}")
LONGEST_VALUE = 200
NOTHING = "–"
# The reason with what leads to it: left out where nobody gave one ("… to Kim: {reason}", "… to Kim ({reason})").
REASON = re.compile(r"\s*(?:\(\{reason\}\)|[:;,–—-]?\s*\{reason\})")

_sentences: dict[str, str] = {}


def register(sentences: Mapping[str, str]) -> None:
    """Add a room's actions: action -> sentence.

    Placeholders: {actor} {subject} {reason} {rule} {before[x]} {after[x]} {extra[x]}. Raises ValueError when another
    room tells the same action differently.
    """
    for action, text in sentences.items():
        if _sentences.setdefault(action, text) != text:
            raise ValueError(f"Two rooms tell the action {action}.")


def actions() -> list[str]:
    """The actions known to the portal, in alphabetical order."""
    return sorted(_sentences)


def sentence(entry: Entry) -> str:
    """The entry as one sentence. Missing fields are a dash; an erased detail is told by kinds and keys."""
    detail = detail_of(entry)
    template = _sentences.get(entry.action, "{actor}: " + entry.action.replace("_", " ") + " {subject}: {reason}")
    if not detail.get("reason"):
        template = REASON.sub("", template)
    text = PLACEHOLDER.sub(lambda match: _value(entry, detail, *match.groups()), template).strip()
    return text[:-1] if text.endswith("..") else text


def detail_of(entry: Entry) -> dict[str, Any]:
    """The detail as a dict; empty when it was erased or is missing. Never raises."""
    try:
        body = json.loads(entry.detail.body)
    except (Detail.DoesNotExist, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


def is_erased(entry: Entry) -> bool:
    try:
        return entry.detail.erased_at is not None
    except Detail.DoesNotExist:
        return True


def actor_label(entry: Entry) -> str:
    return detail_of(entry).get("actor") or {"human": "a person", "token": "a token"}.get(entry.actor_kind, "somebody")


def subject_label(entry: Entry) -> str:
    return detail_of(entry).get("subject") or f"{entry.subject_type.replace('_', ' ')} {entry.subject_id}".strip()


def words(value: Any) -> str:
    """A recorded value as a reader sees it: yes and no, instants in UTC, lists with commas, at most 200 characters."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _cut(", ".join(words(each) for each in value)) or NOTHING
    if isinstance(value, dict):
        return _cut(", ".join(f"{name} {words(each)}" for name, each in value.items())) or NOTHING
    return _cut(_instant(value) if isinstance(value, str) else str(value))


def readable(values: Any) -> dict[str, str]:
    """One side of a before/after pair, for the diff."""
    return {name: words(value) for name, value in values.items()} if isinstance(values, dict) else {}


def _value(entry: Entry, detail: dict[str, Any], plain: str | None, group: str | None, name: str | None) -> str:
    if plain == "actor":
        return _cut(actor_label(entry))
    if plain == "subject":
        return _cut(subject_label(entry))
    if plain == "reason":
        return _cut(str(detail.get("reason") or ""))
    if plain == "rule":
        return entry.rule or NOTHING
    values = detail.get(group or "")
    return words(values.get(name)) if isinstance(values, dict) else NOTHING


def _instant(text: str) -> str:
    """`21 Nov 2026, 11:00 UTC` for what was recorded as an instant, else the text."""
    if len(text) < 20 or text[4] != "-" or text[10] != "T" or not text.endswith("Z"):
        return text
    try:
        return f"{datetime.fromisoformat(text):%-d %b %Y, %H:%M} UTC"
    except ValueError:
        return text


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
