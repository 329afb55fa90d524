"""A sweep that does nothing but run."""

from datetime import datetime, timedelta

from django.apps import AppConfig

from opsportal.sweeps import registry

NAME = "policies"


class ProbeConfig(AppConfig):
    name = "tests.faults.probe"
    label = "faults_probe"

    def ready(self) -> None:
        registry.register(NAME, sweep, every=timedelta(seconds=1))


def sweep(now: datetime) -> registry.SweepResult:
    return registry.SweepResult()
