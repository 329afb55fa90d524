"""What webhooks join at start-up: their sentences in the trail and their addresses."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.audit import addresses, sentences
    from runbooks.webhooks.audit import SENTENCES

    sentences.register(SENTENCES)
    addresses.register("runbook_webhook", lambda slug: f"/runbooks/webhooks/{slug}/")
