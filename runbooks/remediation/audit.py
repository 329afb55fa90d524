"""What is told of runbooks that facts proposed."""

SENTENCES = {
    "runbook.proposed": "{actor} proposed {subject}: {reason}",
    "runbook.proposal_started": "{actor} started {subject}, which a fact had proposed: {reason}.",
    "runbook.proposal_declined": "{actor} declined {subject}, which a fact had proposed: {reason}.",
    "runbook.proposal_expired": "Nobody started {subject}, which a fact had proposed: {reason}",
}
