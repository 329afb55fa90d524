"""What this area joins at start-up: sweeps, navigation, sentences of the trail, registries of lower rooms."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.audit import sentences
    from opsportal.integrations import registry as integrations
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from slos.exposition.audit import SENTENCES
    from slos.exposition.queries import KIND
    from slos.exposition.totals import EVERY, sweep_totals

    sentences.register(SENTENCES)
    integrations.register_kind(KIND, label="n8n error workflow", path="/integrations/n8n/{key}/error/", signed=False)
    sweeps.register("budgets", sweep_totals, every=EVERY)
    navigation.register("Organisation", "Kits", "exposition:kits", order=944, scope="catalog:read")
