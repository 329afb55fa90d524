"""What can happen to a webhook of runbooks, as the trail says it."""

SENTENCES = {
    "runbook_webhook.created": "{actor} registered {subject} for steps of runbooks to call.",
    "runbook_webhook.changed": "{actor} changed the webhook {subject}.",
    "runbook_webhook.secret_rotated": "{actor} gave the webhook {subject} a new signing secret.",
    "runbook_webhook.retired": "{actor} took the webhook {subject} out of use: {reason}.",
}
