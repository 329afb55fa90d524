from django.apps import AppConfig
from django.core import checks


class WebConfig(AppConfig):
    name = "opsportal.web"
    label = "web"

    def ready(self) -> None:
        from opsportal.web.checks import navigation_leads_somewhere

        checks.register(navigation_leads_somewhere, checks.Tags.urls)
