"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "integration.created": "{actor} let {subject} send in as {after[kind]}.",
    "integration.changed": "{actor} changed the integration {subject}. {reason}",
    "integration.secret_rotated": "{actor} gave {subject} a new secret; the old one ends at {after[previous_until]}.",
    "integration.refused": "A message to {subject} was refused: {reason}.",
}
