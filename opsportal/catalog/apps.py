from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "opsportal.catalog"
    label = "catalog"
