from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "opsportal.portal"
    label = "portal"
