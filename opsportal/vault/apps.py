from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "opsportal.vault"
    label = "vault"
