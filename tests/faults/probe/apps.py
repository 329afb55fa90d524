"""A sweep that does nothing but run, and a relay that gives up on its dead sooner than in production."""

from datetime import datetime, timedelta

from django.apps import AppConfig

from opsportal.sweeps import registry

NAME = "policies"


class ProbeConfig(AppConfig):
    name = "tests.faults.probe"
    label = "faults_probe"

    def ready(self) -> None:
        from opsportal.notify import claims

        registry.register(NAME, sweep, every=timedelta(seconds=1))
        # Still above the ten seconds a send may take: a lease ends only when its relay has died.
        claims.LEASE = timedelta(seconds=12)


def sweep(now: datetime) -> registry.SweepResult:
    return registry.SweepResult()
