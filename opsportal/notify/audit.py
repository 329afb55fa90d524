"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "webhook.created": "{actor} subscribed {subject} at {after[host]} to {after[events]}.",
    "webhook.changed": "{actor} changed the subscription {subject}.",
    "webhook.disabled": "{actor} switched the subscription {subject} off. {reason}",
    "webhook.enabled": "{actor} switched the subscription {subject} on again.",
    "webhook.secret_rotated": "{actor} gave {subject} a new secret; the old one signs until {after[previous_until]}.",
    "delivery.retried": "{actor} started the delivery {subject} again: {reason}",
    "person.reach_changed": "{actor} changed how {subject} is told: Slack {after[slack]}, mail {after[mail]}.",
}
