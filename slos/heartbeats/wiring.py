"""What heartbeats join at start-up: their sweep, navigation, sentences of the trail, the kind of integration."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from datetime import timedelta

    from opsportal.audit import sentences
    from opsportal.integrations import registry as integrations
    from opsportal.sweeps import registry as sweeps
    from slos.heartbeats.audit import SENTENCES
    from slos.heartbeats.operations import KIND
    from slos.heartbeats.sweep import prune_pings, sweep_heartbeats

    sentences.register(SENTENCES)
    integrations.register_kind(KIND, label="healthchecks.io client", path="/api/v3/checks/", signed=False)
    sweeps.register("heartbeats", sweep_heartbeats, every=timedelta(seconds=10))
    sweeps.register("housekeeping", prune_pings, every=timedelta(hours=1))
