"""What people do with the replay queue, as the trail says it. Requests themselves stand in the attempts."""

SENTENCES = {
    "replay.released": "{actor} let items go to {subject}.",
    "replay.release_refused": "{actor} asked to let items go to {subject}, which needs a second person.",
    "replay.held_back": "{actor} held back what had been let go to {subject}.",
    "replay.marked_delivered": "{actor} said that the replay item {subject} has arrived.",
    "replay.discarded": "{actor} discarded the replay item {subject}.",
    "replay.superseded": "{actor} gave up the replay item {subject} for a newer one of its record.",
    "replay.payload_read": "{actor} read the payload of the replay item {subject}.",
    "replay.legal_hold": "{actor} put the replay item {subject} under a legal hold.",
    "replay.legal_hold_ended": "{actor} ended the legal hold on the replay item {subject}.",
    "replay.removed": "{actor} took {subject} out again, which came from the file {extra[file]}.",
    "replay.fact_claimed": "{actor} took up the {extra[kind]} of {subject} as {extra[claimed_by]}.",
    "replay.fact_resolved": "{actor} settled the {extra[kind]} of {subject}: {extra[resolution]}.",
    "replay.fact_unclaimed": "Nobody took up the {extra[kind]} of {subject} in time. Told: {extra[people]}.",
    "replay.payloads_removed": "{actor} removed payloads whose time had passed.",
}
