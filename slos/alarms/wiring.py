"""What this area joins at start-up: sweeps of burns, volume, drift and upkeep, who is told of facts, pages."""

from datetime import timedelta


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.catalog import registry as catalog
    from opsportal.facts import registry as facts
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from slos.alarms import queries, views
    from slos.alarms.sweep import sweep_burns
    from slos.alarms.upkeep import sweep_upkeep
    from slos.alarms.watching import sweep_watches
    from slos.models import Fact
    from slos.states import FactKind
    from slos.telling import sweep_over, tell_begun

    # After the rollups of the same round, and before facts are told.
    sweeps.register("budgets", sweep_burns, every=timedelta(seconds=30))
    sweeps.register("budgets", sweep_watches, every=timedelta(seconds=60))
    sweeps.register("facts", sweep_upkeep, every=timedelta(seconds=60))
    sweeps.register("facts", sweep_over, every=timedelta(seconds=30))
    facts.register(Fact, kinds=FactKind, tell=tell_begun)
    catalog.register_beside(queries.with_facts)
    catalog.register_panel("wrong", "slos/alarms_panel.html", views.panel, order=5)
    catalog.register_readiness("alert", "Nothing would alert anybody: no burn alert, no heartbeat.", queries.with_alert)
    navigation.register("Services", "What is wrong", "facts:list", order=56, scope="slos:read")
