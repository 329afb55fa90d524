"""What this area joins at start-up: sweeps, navigation, sentences of the trail, registries of lower rooms."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from django.urls import reverse

    from opsportal.audit import addresses, sentences
    from opsportal.web import navigation
    from slos.reports.audit import SENTENCES

    sentences.register(SENTENCES)
    addresses.register("share", lambda key: f"{reverse('reports:budgets')}#share-{key}")
    navigation.register("Services", "Error budgets", "reports:budgets", order=51, scope="slos:read")
    navigation.register("Services", "Executive", "reports:executive", order=59, scope="slos:read")
    navigation.register("Services", "Debug", "reports:debug", order=60, scope="runs:read")
