"""What people do with replay plans, as the trail says it."""

SENTENCES = {
    "replay_plan.created": "{actor} drew up the replay plan {subject}.",
    "replay_plan.changed": "{actor} changed the replay plan {subject}.",
    "replay_plan.frozen": "{actor} froze the replay plan {subject} in a dry run.",
    "replay_plan.shadowed": "{actor} sent a sample of the replay plan {subject} to the shadow of its target.",
    "replay_plan.asked": "{actor} asked a second person about the replay plan {subject}.",
    "replay_plan.approved": "{actor} approved the replay plan {subject}.",
    "replay_plan.returned": "The approval of the replay plan {subject} does not hold: it is a dry run again.",
    "replay_plan.started": "{actor} started the replay plan {subject}.",
    "replay_plan.paused": "{actor} paused the replay plan {subject}.",
    "replay_plan.verify": "The canary of the replay plan {subject} has ended; the rest waits for a person.",
    "replay_plan.resumed": "{actor} resumed the replay plan {subject}.",
    "replay_plan.cancelled": "{actor} cancelled the replay plan {subject}.",
    "replay_plan.completed": "The replay plan {subject} is completed.",
    "replay_plan.aborted": "The replay plan {subject} stopped by itself.",
}
