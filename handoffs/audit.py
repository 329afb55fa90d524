"""What the actions of this room are told as. The story of a handoff is these sentences in a row."""

SENTENCES = {
    # A handoff, moved by people and programs
    "handoff.created": "{actor} opened {subject}: {extra[owner]} has {extra[minutes]} min, {extra[backup]} stands by.",
    "handoff.assigned": "{actor} gave it to {extra[owner]}: {reason}.",
    "handoff.responded": "{extra[responder]} answered: {reason}.",
    "handoff.auto_replied": "An automatic answer by {extra[responder]} went out; the clock runs on.",
    "handoff.completed": "{actor} completed it: {reason}.",
    "handoff.cancelled": "{actor} cancelled it: {reason}.",
    "handoff.paused": "{actor} held the clock: {reason}.",
    "handoff.resumed": "{actor} let the clock run on: {reason}.",
    "handoff.reopened": "{actor} reopened it ({extra[mode]}): {reason}.",
    "handoff.sla_changed": (
        "{actor} changed the timer from {before[sla_minutes]} to {after[sla_minutes]} min: {reason}."
    ),
    "handoff.reason_tagged": "{actor} noted why it ran past its timer: {extra[breach_reason]}.",
    "handoff.reason_followed": "The reason {before[breach_reason]} is called {after[breach_reason]} since.",
    "handoff.outcome_noted": "{actor} noted the outcome: {extra[outcome]}.",
    "handoff.made_live": "{actor} made it live; its timer acts from now on: {reason}.",
    "handoff.removed": "{actor} took it out again, with the import of {extra[file]}.",
    "handoff.terms_adopted": "{actor} let it count by {extra[terms]}.",
    "handoff.corrected": "{actor} corrected it by what happened earlier in the case.",
    # A handoff, moved by its timer
    "handoff.alerted": "{actor} alerted {extra[people]}{extra[when]}.",
    "handoff.breached": "It counts as breached{extra[when]}.",
    "handoff.breach_corrected": "No longer breached: it stopped in time, as became known later.",
    "handoff.reassigned": "{actor} {extra[step]}: {reason}.",
    "handoff.notified": "{actor} told {extra[people]}{extra[when]}.",
    "handoff.nobody_left": "Nobody was left to take over{extra[when]}; {extra[owner]} keeps it.",
    "handoff.escalated": "{actor} asked the on-call side{extra[when]}.",
    "handoff.shadowed": "In shadow{extra[when]}, {actor} would have {extra[would]}.",
    # What is reported upwards
    "handoff.fact_claimed": "{actor} took it up as {extra[claimed_by]}.",
    "handoff.fact_resolved": "{actor} settled it: {extra[resolution]}.",
    "handoff.fact_unclaimed": "Nobody took up the {extra[kind]} in time; {extra[owner]} was told.",
    # The list of reasons
    "reason.added": "{actor} added the reason {subject}.",
    "reason.renamed": (
        "{actor} renamed the reason {before[label]} to {after[label]}; records that followed: {extra[records]}."
    ),
    "reason.merged": (
        "{actor} merged the reason {before[label]} into {after[label]}; records that followed: {extra[records]}."
    ),
    "reason.retired": "{actor} retired the reason {subject}: it is offered no more.",
    "reason.restored": "{actor} offers the reason {subject} again.",
    # The event log
    "events.imported": "{actor} took {subject} into the event log: {extra[created]} events were new.",
    # Rules
    "rule.created": "{actor} wrote the rule {subject}.",
    "rule.changed": "{actor} changed the rule {subject}: {reason}.",
    "rule.activated": "{actor} activated the rule {subject}: {reason}.",
    "rule.shadowed": "{actor} let the rule {subject} run in shadow: {reason}.",
    "rule.retired": "{actor} retired the rule {subject}: {reason}.",
}
