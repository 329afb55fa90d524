from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "opsportal.portal"
    label = "portal"

    def ready(self) -> None:
        from opsportal.audit import sweep as audit
        from opsportal.portal.audit_head import tell_head
        from opsportal.sweeps import registry
        from opsportal.web import navigation

        registry.register("seal", tell_head, every=audit.EVERY)
        navigation.register("Now", "Cockpit", "portal:cockpit", order=0)
