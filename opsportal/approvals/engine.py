"""What is approved, as one canonical text, and its hash. No database here."""

import hashlib
import json
from typing import Any


def canonical(content: dict[str, Any]) -> str:
    """Canonical JSON: sorted keys, no spaces. Raises TypeError or ValueError for what has no one spelling."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(text: str) -> str:
    """SHA-256 in hex of a canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()


# Names of fields that are no words of their own.
NAMES = {"url": "address", "sha256": "SHA-256", "content_hash": "SHA-256 of the content"}


def rows_of(content: Any) -> list[tuple[str, str, bool]]:
    """The content for a page: (name, text, whether it needs a block of its own), in its order."""
    if not isinstance(content, dict):
        return [("content", json.dumps(content, indent=2, ensure_ascii=False), True)]
    return [(NAMES.get(name, name.replace("_", " ")), *_shown(value)) for name, value in content.items()]


def _shown(value: Any) -> tuple[str, bool]:
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, str) and "\n" not in value:
        return value, False
    if value is None or isinstance(value, int | float):
        return ("–" if value is None else str(value)), False
    if isinstance(value, list) and value and all(isinstance(one, str) and "\n" not in one for one in value):
        return "\n".join(value), True
    return (value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)), True
