"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "automation.created": "{actor} entered {subject} in the catalogue.",
    "automation.changed": "{actor} changed {subject}. {reason}",
    "automation.activated": "{actor} put {subject} into service. {reason}",
    "automation.paused": "{actor} paused {subject}. {reason}",
    "automation.retired": "{actor} retired {subject}. {reason}",
}
