from django.apps import AppConfig


class SweepsConfig(AppConfig):
    name = "opsportal.sweeps"
    label = "sweeps"
