"""The trail's own actions."""

SENTENCES = {
    "audit.erased": "{actor} erased the words of the entries about {subject}, {extra[count]} in all: {reason}.",
    "audit.exported": "{actor} exported the audit trail ({extra[what]}).",
}
