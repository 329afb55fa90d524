from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "opsportal.integrations"
    label = "integrations"

    def ready(self) -> None:
        from opsportal.audit import sentences
        from opsportal.integrations import housekeeping
        from opsportal.integrations import registry as kinds
        from opsportal.integrations.audit import SENTENCES
        from opsportal.sweeps import registry as sweeps
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        kinds.register_kind("webhook", label="Signed webhook", path="/integrations/webhook/{key}/", signed=True)
        sweeps.register("housekeeping", housekeeping.sweep, every=housekeeping.EVERY)
        navigation.register(
            "Organisation", "Integrations", "integrations:integrations", order=942, scope="catalog:write"
        )
