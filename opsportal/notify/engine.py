"""What is told, as values, and the choice of channels. No database, no network here."""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opsportal.identity.models import Person
from opsportal.ids import new_id
from opsportal.notify.states import Channel

KEY = re.compile(r"[!-~]{1,200}")
EVENT_PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?")
LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one person is told. `key` makes it happen once: printable ASCII without spaces, at most 200.

    `url` is a path of this portal; `about` is the id of the data subject the words speak of, if any. `by_mail` asks for
    a mail beside Slack: a copy that lies outside this portal.
    """

    person: Person | int
    topic: str
    title: str
    key: str
    trace_id: str
    body: str = ""
    url: str = ""
    urgent: bool = False
    team: str = ""
    about: str = ""
    by_mail: bool = False

    @property
    def person_id(self) -> int:
        return self.person if isinstance(self.person, int) else self.person.pk


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What subscribers are told. `key` becomes the webhook-id, so receivers can tell a repeat by it.

    Events of the same `order` (default: the record's id in `data`) reach a subscription one after the other.
    """

    event_type: str
    data: dict[str, Any]
    key: str
    trace_id: str
    team: str = ""
    about: str = ""
    order: str = ""

    @property
    def record(self) -> str:
        return self.order or str(self.data.get("id", ""))


@dataclass(frozen=True, slots=True)
class Reach:
    """How one person can be reached. `slack`, `mail` are their wish: yes, no, or None for the house's choice."""

    slack_id: str = ""
    email: str = ""
    slack: bool | None = None
    mail: bool | None = None


@dataclass(frozen=True, slots=True)
class House:
    """Which channels this installation has set up."""

    slack_host: str = ""
    mail_host: str = ""


def channels_for(reach: Reach, house: House, *, urgent: bool, by_mail: bool = False) -> list[Channel]:
    """Where to tell one person, beside their inbox: Slack, else mail. Both only when asked for, or when urgent."""
    slack = bool(reach.slack_id and house.slack_host) and reach.slack is not False
    mail = bool(reach.email and house.mail_host) and reach.mail is not False
    if slack and mail and not (urgent or by_mail or reach.mail):
        mail = False
    return [channel for channel, wanted in ((Channel.SLACK, slack), (Channel.MAIL, mail)) if wanted]


def matches(event_type: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns (`handoff.*`, `handoff.breached`, `*`) covers the type."""
    return any(fnmatch.fnmatchcase(event_type, pattern) for pattern in patterns)


def one_line(text: str, limit: int = 200) -> str:
    """The text without line breaks and control characters, cut with an ellipsis: fit for a subject or a title."""
    flat = LINE_BREAKS.sub(" ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def place_of(urgent: bool) -> str:
    """Where something stands in its lane: before everything calm when it is urgent, else after all told so far.

    A text that sorts, so that one index range finds the head of a lane; the id in it (UUID version 7) grows with time.
    """
    return f"{0 if urgent else 1}{new_id().hex}"
