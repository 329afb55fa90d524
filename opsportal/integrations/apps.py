from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "opsportal.integrations"
    label = "integrations"
