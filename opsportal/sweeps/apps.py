from django.apps import AppConfig


class SweepsConfig(AppConfig):
    name = "opsportal.sweeps"
    label = "sweeps"

    def ready(self) -> None:
        from opsportal.sweeps import checks, housekeeping, registry  # noqa: F401  (checks register themselves)

        registry.register("housekeeping", housekeeping.prune, every=housekeeping.EVERY)
