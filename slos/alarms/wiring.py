"""What this area joins at start-up: sweeps, navigation, sentences of the trail, registries of lower rooms."""


def register() -> None:
    """Called once from AppConfig.ready."""
