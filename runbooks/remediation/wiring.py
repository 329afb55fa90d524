"""What this area joins at start-up: its sweep, its sentences, the registries of rooms and areas below."""

from datetime import timedelta


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.audit import sentences
    from opsportal.catalog import registry as catalog
    from opsportal.sweeps import registry as sweeps
    from runbooks.library import registry as library
    from runbooks.remediation import queries, sweep, views
    from runbooks.remediation.audit import SENTENCES

    sentences.register(SENTENCES)
    library.register_offer(views.offer)
    library.register_beside(queries.with_proposal)
    catalog.register_beside(queries.with_waiting)
    catalog.register_panel("proposals", "runbooks/proposals_panel.html", views.panel, order=1)
    sweeps.register("facts", sweep.sweep_proposals, every=timedelta(seconds=30))
