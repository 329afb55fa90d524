from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "opsportal.imports"
    label = "imports"

    def ready(self) -> None:
        from opsportal.audit import sentences
        from opsportal.imports import housekeeping
        from opsportal.imports.audit import SENTENCES
        from opsportal.sweeps import registry

        sentences.register(SENTENCES)
        registry.register("housekeeping", housekeeping.sweep, every=housekeeping.EVERY)
