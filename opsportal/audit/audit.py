"""The trail's own actions."""

SENTENCES = {
    "audit.erased": "{actor} erased what {extra[count]} entries say, for {subject}: {reason}.",
    "audit.exported": "{actor} exported the audit trail ({extra[what]}).",
}
