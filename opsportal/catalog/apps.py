from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "opsportal.catalog"
    label = "catalog"

    def ready(self) -> None:
        from opsportal.audit import sentences
        from opsportal.catalog.audit import SENTENCES
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        navigation.register("Services", "Automations", "catalog:automations", order=50, scope="catalog:read")
