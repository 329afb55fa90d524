from datetime import timedelta

from django.apps import AppConfig


class FactsConfig(AppConfig):
    name = "opsportal.facts"
    label = "facts"

    def ready(self) -> None:
        from opsportal.facts.sweep import sweep_unclaimed
        from opsportal.sweeps import registry as sweeps

        sweeps.register("facts", sweep_unclaimed, every=timedelta(seconds=30))
