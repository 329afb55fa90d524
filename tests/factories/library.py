"""Runbooks as text for tests: one that holds together, and its parts to change."""

from typing import Any

PARTS = {
    "Signals": "The heartbeat is missing, or `RateLimit` fills the error table.",
    "Diagnostics": "1. Open the runs of the last hour.\n2. Look at the vendor's status page.",
    "Remediation": "1. Pause the router.\n\n   Check: its page says paused.\n2. Store leads.\n3. Tell sales.",
    "Rollback": "1. Resume the router.\n2. Replay what was stored.",
    "Communication": "Post in #sales-leads every 30 minutes.",
}


def a_text(title: str = "Lead Router", *, parts: dict[str, str] | None = None, **head: Any) -> str:
    """The text of a runbook that may be published."""
    lines = [f"{key}: {value}" for key, value in {"title": title, "kind": "runbook", **head}.items()]
    body = "\n\n".join(f"## {name}\n\n{text}" for name, text in (parts or PARTS).items())
    return "\n".join(["---", *lines, "---", "", body, ""])
