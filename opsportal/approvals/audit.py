"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "approval.requested": "{actor} asked a second person to approve {subject}: {reason}.",
    "approval.approved": "{actor} approved {subject}, which {extra[requested_by]} had asked for: {reason}.",
    "approval.refused": "{actor} refused {subject}, which {extra[requested_by]} had asked for: {reason}.",
    "approval.voided": "{subject} may no longer be approved or used: {reason}.",
    "approval.expired": "Nobody used the approval of {subject} in time.",
    "approval.used": "{actor} used the approval of {subject}, given by {extra[decided_by]}.",
}
