"""What a delivery can be, and which moves between the states exist."""

from enum import StrEnum


class Channel(StrEnum):
    """How something leaves the house. The inbox is no channel: the message itself stands there."""

    SLACK = "slack"
    MAIL = "mail"
    WEBHOOK = "webhook"
    SLACK_WEBHOOK = "slack_webhook"


class DeliveryState(StrEnum):
    PENDING = "pending"  # waits for its next attempt
    LEASED = "leased"  # a relay is sending it; after the lease anyone may take it again
    DELIVERED = "delivered"
    MERGED = "merged"  # told as one line of another delivery's digest
    DEAD = "dead"  # given up; a person may start it again
    SUPPRESSED = "suppressed"  # its destination was switched off before it was sent


_S = DeliveryState
WORDS = {
    _S.PENDING: "waits",
    _S.LEASED: "being sent",
    _S.DELIVERED: "delivered",
    _S.MERGED: "in a digest",
    _S.DEAD: "given up",
    _S.SUPPRESSED: "dropped",
}
CHANNEL_WORDS = {
    Channel.SLACK: "Slack message",
    Channel.MAIL: "mail",
    Channel.WEBHOOK: "signed webhook",
    Channel.SLACK_WEBHOOK: "Slack channel",
}
TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    _S.PENDING: frozenset({_S.LEASED, _S.MERGED, _S.DEAD, _S.SUPPRESSED}),
    _S.LEASED: frozenset({_S.LEASED, _S.PENDING, _S.DELIVERED, _S.DEAD, _S.SUPPRESSED}),
    _S.DELIVERED: frozenset(),
    _S.MERGED: frozenset(),
    _S.DEAD: frozenset({_S.PENDING}),
    _S.SUPPRESSED: frozenset({_S.PENDING}),
}
WAITING = (_S.PENDING, _S.LEASED)
RESTARTABLE = tuple(state for state, targets in TRANSITIONS.items() if state not in WAITING and _S.PENDING in targets)
