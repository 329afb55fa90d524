"""What this area joins at start-up: the sweep that adds runs up, and the one that keeps its tables short."""

from datetime import timedelta

EVERY = timedelta(seconds=12)


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.sweeps import registry as sweeps
    from slos.budgets import housekeeping
    from slos.budgets.sweep import sweep_rollups

    sweeps.register("budgets", sweep_rollups, every=EVERY)
    sweeps.register("housekeeping", housekeeping.prune, every=housekeeping.EVERY)
