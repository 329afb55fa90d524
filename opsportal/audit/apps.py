from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "opsportal.audit"
    label = "audit"

    def ready(self) -> None:
        from opsportal.audit import checks, sentences, sweep  # noqa: F401 - checks register themselves
        from opsportal.audit.audit import SENTENCES
        from opsportal.sweeps import registry
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        registry.register("seal", sweep.seal, every=sweep.EVERY)
        navigation.register("Organisation", "Audit", "audit:list", order=950, scope="audit:read")
        post_migrate.connect(protect, sender=self)


def protect(using: str, **options: Any) -> None:
    """After migrating: put back what a rebuilt SQLite table lost, and grant the runtime role its rights."""
    from django.conf import settings
    from django.db import connections

    from opsportal.audit import guard

    connection = connections[using]
    if not guard.is_installed(connection):
        return
    if connection.vendor == "sqlite":
        guard.install(connection)
    elif settings.RUNTIME_ROLE and using == "default":
        guard.grant(connection, settings.RUNTIME_ROLE)
