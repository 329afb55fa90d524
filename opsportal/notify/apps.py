from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "opsportal.notify"
    label = "notify"
