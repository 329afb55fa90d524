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


TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset(
        {
            DeliveryState.LEASED,
            DeliveryState.MERGED,
            DeliveryState.DEAD,
            DeliveryState.SUPPRESSED,
        }
    ),
    DeliveryState.LEASED: frozenset(
        {
            DeliveryState.LEASED,
            DeliveryState.PENDING,
            DeliveryState.DELIVERED,
            DeliveryState.DEAD,
        }
    ),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.MERGED: frozenset(),
    DeliveryState.DEAD: frozenset({DeliveryState.PENDING}),
    DeliveryState.SUPPRESSED: frozenset(),
}
WAITING = (DeliveryState.PENDING, DeliveryState.LEASED)
