from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "opsportal.workbench"
    label = "workbench"
