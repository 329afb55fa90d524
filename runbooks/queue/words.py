"""What people read about the queue: words and tones of states, the verdict over the whole."""

from datetime import datetime

from opsportal.web import words
from runbooks.queue.queries import Waiting
from runbooks.states import WORDS, ItemState

TONES = {
    ItemState.HELD: "calm",
    ItemState.PENDING: "calm",
    ItemState.LEASED: "calm",
    ItemState.FAILED: "warn",
    ItemState.DEAD: "bad",
    ItemState.IN_DOUBT: "bad",
    ItemState.DELIVERED: "good",
    ItemState.DISCARDED: "calm",
    ItemState.SUPERSEDED: "calm",
}
STATES = [(one.value, WORDS[one].capitalize()) for one in ItemState]
HOW = {"sent": "sent", "already_there": "already there", "by_person": "said by a person"}

# What the log keeps as one word where there was no answer.
NO_ANSWER = {
    "dns": "its name leads nowhere",
    "connect": "no connection",
    "tls": "no secure connection",
    "timeout": "no answer in time",
    "broken": "cut off before the answer",
    "protocol": "cut off before the answer",
}


def outcome(word: str) -> str:
    """What became of an attempt, for people."""
    return NO_ANSWER.get(word, word)


def verdict(waiting: Waiting, at: datetime) -> str:
    """How many wait and why, in one sentence."""
    if not waiting.total:
        return "Nothing waits: everything that failed has arrived or was decided."
    held, undecided = waiting.counts.get(ItemState.HELD, 0), waiting.undecided
    moving = waiting.total - held - undecided
    parts = [
        f"{held} held until somebody lets them go" if held else "",
        f"{undecided} waiting for a decision" if undecided else "",
        f"{moving} on their way" if moving else "",
    ]
    age = words.duration((at - (waiting.oldest_at or at)).total_seconds())
    why = ", ".join(part for part in parts if part)
    plural = "payload has" if waiting.total == 1 else "payloads have"
    return f"{waiting.total} {plural} not arrived: {why}. The oldest is {age} old."
