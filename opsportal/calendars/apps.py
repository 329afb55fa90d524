from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    name = "opsportal.calendars"
    label = "calendars"
