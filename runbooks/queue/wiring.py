"""What the area joins at start-up."""


def register() -> None:
    """Called once from AppConfig.ready."""
