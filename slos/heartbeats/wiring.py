"""What heartbeats join at start-up: their sweep, navigation, sentences of the trail, the kind of integration."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from datetime import timedelta

    from django.urls import reverse

    from opsportal.audit import addresses, erasers, sentences
    from opsportal.catalog import registry as catalog
    from opsportal.integrations import registry as integrations
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from slos.heartbeats.audit import SENTENCES
    from slos.heartbeats.erasing import erase_subject
    from slos.heartbeats.operations import KIND
    from slos.heartbeats.queries import at_work, with_heartbeat, with_heartbeats
    from slos.heartbeats.sweep import prune_pings, sweep_heartbeats
    from slos.heartbeats.views import panel

    sentences.register(SENTENCES)
    addresses.register("heartbeat", lambda slug: reverse("heartbeats:detail", args=[slug]))
    integrations.register_kind(KIND, label="healthchecks.io client", path="/api/v3/checks/", signed=False)
    erasers.register("pings", erase_subject)
    sweeps.register("heartbeats", sweep_heartbeats, every=timedelta(seconds=10))
    sweeps.register("housekeeping", prune_pings, every=timedelta(hours=1))
    navigation.register("Services", "Heartbeats", "heartbeats:list", order=54, scope="heartbeats:read")
    catalog.register_panel("heartbeats", "slos/heartbeats_panel.html", panel, order=30)
    catalog.register_readiness(
        "heartbeat",
        "Nothing tells that it has fallen silent: no heartbeat of it has been pinged yet.",
        with_heartbeat,
        rows=at_work,
        filled_in="/heartbeats/new/?automation={slug}",
    )
    catalog.register_beside(with_heartbeats)
