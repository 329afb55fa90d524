"""What this area joins at start-up: sweeps, navigation, sentences of the trail, registries of lower rooms."""

from datetime import timedelta


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, sentences
    from opsportal.catalog import registry as catalog
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from runbooks.library import queries, reviews, sweep, views
    from runbooks.library.audit import SENTENCES
    from runbooks.library.operations.publishing import PUBLISH

    sentences.register(SENTENCES)
    addresses.register("runbook", lambda slug: f"/runbooks/{slug}/")
    sentence, rows = "It has no published runbook.", queries.rows_with_runbook
    catalog.register_readiness("runbook", sentence, queries.with_runbook, order=40, rows=rows)
    catalog.register_beside(queries.with_first_runbook)
    catalog.register_panel("runbooks", "runbooks/library_panel.html", views.panel, order=45)
    navigation.register("Services", "Runbooks", "runbooks:list", order=53, scope=queries.READ)
    approvals.register(
        PUBLISH,
        label="revision of a runbook",
        on_approved=reviews.on_approved,
        may_decide=reviews.may_decide,
        look=reviews.look,
        which=reviews.which,
    )
    approvals.observe(reviews.observe)
    sweeps.register("housekeeping", sweep.draw_when_due, every=timedelta(hours=1))
