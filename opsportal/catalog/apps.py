from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "opsportal.catalog"
    label = "catalog"

    def ready(self) -> None:
        from django.urls import reverse

        from opsportal.approvals import registry as approvals
        from opsportal.audit import addresses, sentences
        from opsportal.catalog import tiers
        from opsportal.catalog.audit import SENTENCES
        from opsportal.catalog.csv_import.kind import KIND
        from opsportal.catalog.queries import list_owned
        from opsportal.identity import ownership
        from opsportal.imports import registry as imports
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        addresses.register("automation", lambda slug: reverse("catalog:automation", args=[slug]))
        imports.register(KIND)
        addresses.register("automations_import", lambda key: reverse("catalog:import-batch", args=[key]))
        ownership.register("automations", list_owned)
        approvals.register(
            tiers.KIND,
            label=tiers.LABEL,
            on_approved=tiers.on_approved,
            may_decide=tiers.may_decide,
            look=tiers.look,
        )
        navigation.register("Services", "Automations", "catalog:automations", order=50, scope="catalog:read")
