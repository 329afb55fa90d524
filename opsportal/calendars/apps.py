from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    name = "opsportal.calendars"
    label = "calendars"

    def ready(self) -> None:
        from opsportal.audit import sentences
        from opsportal.calendars.audit import SENTENCES

        sentences.register(SENTENCES)
