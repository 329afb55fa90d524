"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "calendar.created": "{actor} made the calendar {subject}.",
    "calendar.revised": "{actor} changed the calendar {subject}, now version {extra[version]}. {reason}",
    "calendar.adopted": "{actor} let {extra[records]} open records count by version {extra[version]} of {subject}.",
    "calendar.deleted": "{actor} deleted the calendar {subject}, which nothing used. {reason}",
}
