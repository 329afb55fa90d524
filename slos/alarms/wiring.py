"""What this area joins at start-up: the sweeps of burn alerts and of volume and drift, and who is told of facts."""

from datetime import timedelta


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.sweeps import registry as sweeps
    from slos.alarms.sweep import sweep_burns
    from slos.alarms.watching import sweep_watches
    from slos.telling import sweep_unclaimed

    # After the rollups of the same round, and before facts are told.
    sweeps.register("budgets", sweep_burns, every=timedelta(seconds=30))
    sweeps.register("budgets", sweep_watches, every=timedelta(seconds=60))
    sweeps.register("facts", sweep_unclaimed, every=timedelta(seconds=30))
