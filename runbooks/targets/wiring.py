"""What targets join at start-up: their sentences in the trail and their addresses."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.audit import addresses, sentences
    from runbooks.targets.audit import SENTENCES

    sentences.register(SENTENCES)
    addresses.register("replay_target", lambda slug: f"/replay/targets/{slug}/")
