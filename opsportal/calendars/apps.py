from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    name = "opsportal.calendars"
    label = "calendars"

    def ready(self) -> None:
        from opsportal.audit import sentences
        from opsportal.calendars.audit import SENTENCES
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        navigation.register("Organisation", "Calendars", "calendars:calendars", order=910, scope="handoffs:read")
