from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "opsportal.identity"
    label = "identity"
