"""What runs join at start-up: their sweeps, navigation, the page of an automation and its use of limits."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from datetime import timedelta

    from opsportal.catalog import registry as catalog
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from slos.runs.queries import use_of_limits, with_gauge
    from slos.runs.sweep import EVERY, sweep_old_runs, sweep_watch
    from slos.runs.views import panel

    sweeps.register("facts", sweep_watch, every=EVERY)
    sweeps.register("housekeeping", sweep_old_runs, every=timedelta(minutes=10))
    navigation.register("Services", "Runs", "runs:list", order=52, scope="runs:read")
    catalog.register_beside(with_gauge)
    catalog.register_panel("runs", "slos/runs_panel.html", panel, order=25)
    catalog.register_usage(use_of_limits)
