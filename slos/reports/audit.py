"""The actions of this area, and the sentence each is shown as."""

SENTENCES = {
    "share.created": "{actor} shared {subject} until {extra[until]}.",
    "share.revoked": "{actor} revoked {subject}.",
    "share.opened": "{actor} opened {subject}.",
}
