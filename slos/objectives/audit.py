"""What the actions of objectives and of their facts are told as."""

SENTENCES = {
    "slo.created": "{actor} wrote the SLO {subject}: {extra[in_words]}",
    "slo.changed": "{actor} changed the SLO {subject}: {reason}.",
    "slo.activated": "{actor} put the SLO {subject} in force: {reason}.",
    "slo.retired": "{actor} retired the SLO {subject}: {reason}.",
    "slo.excluded": "{actor} left {extra[span]} out of {subject}: {reason}.",
    "slo.exclusion_asked": "{actor} asked to leave {extra[span]} out of {subject}: {reason}.",
    "slo.exclusion_approved": "{actor} agreed to leave {extra[span]} out of {subject}: {reason}.",
    "slo.exclusion_withdrawn": "{actor} counts {extra[span]} of {subject} again: {reason}.",
    "slo.fact_claimed": "{actor} took up the {extra[kind]} of {subject} as {extra[claimed_by]}.",
    "slo.fact_resolved": "{actor} settled the {extra[kind]} of {subject}: {extra[resolution]}.",
    "slo.fact_unclaimed": "Nobody took up the {extra[kind]} of {subject} in time. Told: {extra[people]}.",
    "slo.fact_over": "The {extra[kind]} of {subject} is over. Told: {extra[people]}.",
    "slo.watch_changed": "{actor} set how {subject} is watched: {reason}.",
}
