from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "opsportal.privacy"
    label = "privacy"

    def ready(self) -> None:
        from opsportal.privacy import wiring

        wiring.register()
