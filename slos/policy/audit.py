"""The actions of this area, and the sentence each is shown as."""

SENTENCES = {
    "policy.created": "{actor} wrote the budget policy {subject}: {reason}.",
    "policy.changed": "{actor} changed the budget policy {subject} to version {extra[version]}: {reason}.",
    "policy.activated": "{actor} put the budget policy {subject} in force: {reason}.",
    "policy.retired": "{actor} retired the budget policy {subject}: {reason}.",
    "policy.review_called": "{actor} asked leadership for a review and a stability sprint of {subject}: {reason}",
    "policy.experiments_allowed": "{actor} allowed experiments with {subject}: {reason}.",
    "policy.experiments_withdrawn": "{actor} allows experiments with {subject} no longer: {reason}.",
    "freeze.started": "{actor} began {subject} until {extra[until]}: {reason}",
    "freeze.ended": "{actor} ended {subject}: {reason}",
    "freeze.overridden": (
        "{subject} is set aside until {after[until]}: {after[requested_by]} asked, "
        "{after[approved_by]} approved: {reason}."
    ),
    "freeze.acknowledged": "{actor} committed to {subject}: {reason}.",
}
