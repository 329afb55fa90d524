"""The second, independent path that notices a silent worker. It passes neither django-q2 nor the outbox.

Run it from a timer of the system, best on another host. The outside switch it pings notices when it is silent itself.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import send_mail
from django.db import DatabaseError, InterfaceError

from opsportal import clock
from opsportal.outbound import client
from opsportal.sweeps import health, queries

log = logging.getLogger("opsportal.sweeps")

# Takes the text, returns why it did not arrive, or nothing.
Send = Callable[[str], str]

FRESH, STALE, UNKNOWN = 0, 1, 2
REPEAT_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` is the exit code; `sentence` what a person reads; `lines` one per sweep."""

    state: int
    sentence: str
    lines: list[str]


def look() -> Verdict:
    """Read the ages. A database that does not answer is not "fresh", and nothing else can be told then."""
    try:
        now = clock.database_now()
        ages = queries.sweep_ages(now)
    except (DatabaseError, InterfaceError) as error:
        return Verdict(UNKNOWN, f"The database does not answer ({type(error).__name__}).", [])
    lines = [
        f"{age.name}: {health.in_words(age.age) + ' ago' if age.age is not None else 'never'}"
        + (" (stale)" if age.stale else " (failing)" if age.failing else "")
        for age in ages
    ]
    stale = [age for age in ages if age.stale]
    if stale:
        return Verdict(STALE, health.Degraded(stale, []).sentence, lines)
    return Verdict(FRESH, "Every sweep is fresh.", lines)


def act(verdict: Verdict, *, memory: Path, now: datetime) -> list[str]:
    """Page when not fresh (again after half an hour), tell the recovery, ping the switch when fresh.

    Returns what could not be done, as sentences. `memory` is a file of this host: the database may be what is broken.
    """
    paged_at = _recall(memory)
    if verdict.state == FRESH:
        failures = _ping_switch()
        if paged_at is not None:
            failures += page("opsportal works again: every sweep is fresh.")
            memory.unlink(missing_ok=True)
        return failures
    if paged_at is not None and now - paged_at < REPEAT_AFTER:
        return []
    failures = page("opsportal needs a person: " + verdict.sentence + "\n" + "\n".join(verdict.lines))
    if len(failures) < len(_channels()):  # somebody was reached; else try again next time
        _remember(memory, now)
    return failures


def page(text: str) -> list[str]:
    """Tell people by every channel that is set up. Returns the failures; one channel's never stops the next."""
    failures = []
    for name, send in _channels():
        try:
            problem = send(text)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            failures.append(f"{name}: {problem}")
    return failures


def _channels() -> list[tuple[str, Send]]:
    channels: list[tuple[str, Send]] = []
    if settings.WATCHDOG_SLACK_USER and settings.SLACK_BOT_TOKEN:
        channels.append(("Slack message", _send_slack_message))
    if settings.WATCHDOG_SLACK_WEBHOOK:
        channels.append(("Slack webhook", _send_slack_webhook))
    if settings.WATCHDOG_MAIL:
        channels.append(("mail", _send_mail))
    return channels


def _send_slack_message(text: str) -> str:
    url = urljoin(settings.SLACK_API_URL.rstrip("/") + "/", "chat.postMessage")
    headers = {"Authorization": f"Bearer {settings.SLACK_BOT_TOKEN}", "Content-Type": "application/json; charset=utf-8"}
    body = json.dumps({"channel": settings.WATCHDOG_SLACK_USER, "text": text}).encode()
    answer = client.send("POST", url, headers=headers, body=body)
    # Slack refuses with 200 and {"ok": false}.
    return "" if answer.status == 200 and b'"ok":true' in answer.body.replace(b" ", b"") else f"status {answer.status}"


def _send_slack_webhook(text: str) -> str:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = client.send(
        "POST", settings.WATCHDOG_SLACK_WEBHOOK, headers=headers, body=json.dumps({"text": text}).encode()
    )
    return "" if answer.status < 300 else f"status {answer.status}"


def _send_mail(text: str) -> str:
    subject = text.splitlines()[0][:120]
    send_mail(subject, f"{text}\n\n{settings.BASE_URL}/worker/\n", None, settings.WATCHDOG_MAIL)
    return ""


def _ping_switch() -> list[str]:
    if not settings.WATCHDOG_PING_URL:
        return []
    try:
        answer = client.send("GET", settings.WATCHDOG_PING_URL, headers={})
    except Exception as error:
        return [f"outside switch: {error}"]
    return [] if answer.status < 300 else [f"outside switch: status {answer.status}"]


def _recall(memory: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(memory.read_text().strip())
    except (OSError, ValueError):
        return None


def _remember(memory: Path, now: datetime) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(now.isoformat())
