from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "opsportal.imports"
    label = "imports"

    def ready(self) -> None:
        from opsportal.audit import erasers, sentences
        from opsportal.imports import housekeeping
        from opsportal.imports.audit import SENTENCES
        from opsportal.imports.erasing import erase_subject
        from opsportal.sweeps import registry

        sentences.register(SENTENCES)
        erasers.register("imports", erase_subject)
        erasers.pass_over("imports_importbatch.content", because="Deflated; the imports erase it.")
        registry.register("housekeeping", housekeeping.sweep, every=housekeeping.EVERY)
