"""What can happen to a target, as the trail says it."""

SENTENCES = {
    "replay_target.created": "{actor} made the replay target {subject}.",
    "replay_target.changed": "{actor} changed the replay target {subject}.",
    "replay_target.secret_rotated": "{actor} gave the replay target {subject} a new signing secret.",
    "replay_target.stopped": "{actor} stopped sending to {subject}.",
    "replay_target.started": "{actor} let sending to {subject} go on.",
    "replay_target.backup_on": "{actor} switched the backup queue of {subject} on.",
    "replay_target.backup_off": "{actor} switched the backup queue of {subject} off.",
    "replay_target.breaker_closed": "{actor} had {subject} tried at once.",
}
