from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "opsportal.workbench"
    label = "workbench"

    def ready(self) -> None:
        from opsportal.audit import sentences

        sentences.register({"person.erased": "{actor} and {extra[second]} erased the data subject {subject}."})
