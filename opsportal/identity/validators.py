"""What the words on a person may look like. Used by models, so pages, API and commands refuse the same."""

import re
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

SLACK_ID = re.compile(r"[A-Za-z0-9._@-]*")


def one_line(text: str) -> None:
    """No control characters: names end up in mail subjects, log lines and headers."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValidationError("Line breaks and control characters cannot be part of this.", "control_character")


def known_timezone(name: str) -> None:
    if name not in _timezones():
        raise ValidationError(f"There is no time zone “{name[:60]}”. One looks like Europe/Berlin.", "unknown_timezone")


def slack_id(text: str) -> None:
    if not SLACK_ID.fullmatch(text):
        raise ValidationError("A Slack id looks like U024BE7LH.", "bad_slack_id")


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
