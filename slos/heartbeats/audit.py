"""What the actions on heartbeats are told as."""

SENTENCES = {
    "heartbeat.created": "{actor} made the heartbeat {subject}.",
    "heartbeat.changed": "{actor} changed what is expected of the heartbeat {subject}.",
    "heartbeat.paused": "{actor} paused the heartbeat {subject}: nothing is expected of it.",
    "heartbeat.resumed": "{actor} resumed the heartbeat {subject}: it waits for its first ping.",
    "heartbeat.rotated": "{actor} gave the heartbeat {subject} a new address; the old one is unknown.",
    "heartbeat.deleted": "{actor} deleted the heartbeat {subject}.",
    "heartbeat.keys_made": "{actor} made the ping key of {subject}.",
}
