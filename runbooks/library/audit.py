"""What the actions of the library are told as."""

SENTENCES = {
    "runbook.created": "{actor} wrote the runbook {subject}.",
    "runbook.saved": "{actor} saved revision {extra[number]} of {subject}: {reason}.",
    "runbook.review_asked": "{actor} asked for a review of revision {extra[number]} of {subject}.",
    "runbook.returned": "Revision {extra[number]} of {subject} is a draft again: {reason}.",
    "runbook.published": "{actor} published revision {extra[number]} of {subject}: {reason}.",
    "runbook.retired": "{actor} retired the runbook {subject}: {reason}.",
    "runbook.restored": "{actor} took the runbook {subject} back into use: {reason}.",
    "runbook.step_reported": "{actor} says that a step of {subject} is wrong ({extra[step]}): {reason}.",
    "runbook.report_resolved": "{actor} answered a report about {subject} ({extra[step]}): {reason}.",
    "runbook.validated": "{actor} went through {subject} ({extra[how]}); it {extra[verdict]}: {reason}.",
    "runbook.drawn": "{subject} was drawn to be read aloud in {extra[month]}, out of {extra[count]}.",
}
