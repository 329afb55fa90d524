"""What the actions of executions are told as."""

SENTENCES = {
    "execution.started": "{actor} began to go through {subject}: {reason}.",
    "execution.step_ticked": "{actor} ticked {extra[step]} of {subject}.",
    "execution.step_failed": "{actor} noted that {extra[step]} of {subject} did not hold: {reason}.",
    "execution.step_skipped": "{actor} left out {extra[step]} of {subject}: {reason}.",
    "execution.step_opened": "{actor} took back {extra[step]} of {subject}.",
    "execution.step_asked": "{actor} asked to carry out {extra[step]} of {subject}: {extra[consequence]}.",
    "execution.step_ran": "{actor} carried out {extra[step]} of {subject}: {extra[result]}",
    "execution.step_answered": "What {extra[step]} of {subject} called answered: {extra[result]}",
    "execution.step_undone": "{actor} took back what {extra[step]} of {subject} did: {extra[result]}",
    "execution.completed": "{actor} finished going through {subject}: {reason}.",
    "execution.abandoned": "{actor} stopped going through {subject}: {reason}.",
}
