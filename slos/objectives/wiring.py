"""What this area joins at start-up: sweeps, navigation, sentences of the trail, registries of lower rooms."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, sentences
    from opsportal.catalog import registry as catalog
    from opsportal.web import navigation
    from slos.models import Slo
    from slos.objectives import operations, proposals, queries, retiring, views
    from slos.objectives.audit import SENTENCES

    sentences.register(SENTENCES)
    addresses.register("slo", lambda slug: f"/slos/{slug}/")
    in_force = Slo.objects.in_force
    new = "/slos/new/?automation={slug}"
    catalog.register_readiness("slo", "It has no SLO in force.", queries.with_slo, 10, in_force, new)
    catalog.register_beside(queries.with_slos)
    catalog.register_panel("SLO", "slos/objectives_panel.html", views.panel, order=10)
    navigation.register("Services", "Objectives", "slos:list", order=54, scope="slos:read")
    approvals.register(
        proposals.DEFINITION,
        label="SLO",
        on_approved=proposals.on_definition_approved,
        may_decide=proposals.may_decide_definition,
        look=proposals.look_at_definition,
    )
    approvals.register(
        retiring.RETIREMENT,
        label="retiring an SLO",
        on_approved=retiring.on_approved,
        may_decide=retiring.may_decide,
        look=retiring.look,
    )
    approvals.register(
        operations.EXCLUSION,
        label="time left out of an SLO",
        on_approved=proposals.on_exclusion_approved,
        may_decide=proposals.may_decide_exclusion,
        look=proposals.look_at_exclusion,
    )
