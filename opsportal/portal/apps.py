from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "opsportal.portal"
    label = "portal"

    def ready(self) -> None:
        from opsportal.web import navigation

        navigation.register("Now", "Cockpit", "portal:cockpit", order=0)
