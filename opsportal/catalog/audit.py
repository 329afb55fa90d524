"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "automation.created": "{actor} entered {subject} in the catalogue.",
    "automation.changed": "{actor} changed {subject}. {reason}",
    "automation.activated": "{actor} put {subject} into service. {reason}",
    "automation.paused": "{actor} paused {subject}. {reason}",
    "automation.resumed": "{actor} resumed {subject}. {reason}",
    "automation.retired": "{actor} retired {subject}. {reason}",
    "automation.removed": "{actor} took {subject} out of the catalogue again: the import of {extra[file]} was undone.",
    "automation.degraded": "{actor} told sales that {subject} is degraded: {after[degraded]}",
    "automation.restored": "{actor} told sales that {subject} works as it should again. {reason}",
    "automation.fallback_on": "{actor} put {subject} on its fallback. {reason}",
    "automation.fallback_off": "{actor} took {subject} off its fallback. {reason}",
    "automation.tier_agreed": (
        "{extra[revops]} for RevOps and {extra[sales]} for sales leadership agreed that {subject} is {after[tier]}."
        " {reason}"
    ),
    "credential.added": "{actor} noted the credential {extra[name]} of {subject}.",
    "credential.changed": "{actor} changed what is noted of the credential {extra[name]} of {subject}. {reason}",
    "credential.retired": "{actor} noted that {subject} no longer uses the credential {extra[name]}. {reason}",
    "release.planned": "{actor} announced {extra[version]} of {subject} for {extra[planned_at]}. {reason}",
    "release.recorded": "{actor} released {extra[version]} of {subject}. {reason}",
    "release.passed_freeze": "{actor} told that {extra[version]} of {subject} had gone out past a freeze. {reason}",
    "release.cancelled": "{actor} called off {extra[version]} of {subject}. {reason}",
    "switch.added": "{actor} noted the switch {extra[switch]} of {subject}.",
    "switch.turned_on": "{actor} switched {extra[switch]} of {subject} on. {reason}",
    "switch.turned_off": "{actor} switched {extra[switch]} of {subject} off. {reason}",
    "switch.removed": "{actor} removed the switch {extra[switch]} of {subject}. {reason}",
    "checklist.ticked": "{actor} checked {subject}: {extra[item]} {reason}",
    "checklist.unticked": "{actor} took a tick of {subject} back: {extra[item]} {reason}",
    "workflow.imported": "{actor} imported the workflow {extra[workflow]} behind {subject}: {extra[findings]}.",
    "cost.noted": "{actor} noted what {subject} costs a month: {extra[amount]} from {extra[from]}.",
    "cost.ended": "{actor} noted that {subject} is no longer paid for from {extra[until]}.",
}
