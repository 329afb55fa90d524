"""System checks: `manage.py check --database default` fails when the database no longer protects the trail."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections

from opsportal.audit import guard


@checks.register(checks.Tags.database)
def check_guard(databases: Sequence[str] | None = None, **options: Any) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if not guard.is_installed(connection):
            continue
        if missing := guard.missing(connection):
            found.append(
                checks.Error(
                    f"The audit trail is not protected: {', '.join(missing)} missing or changed.",
                    hint="Find out why, then run `manage.py protect_audit` as the owner of the tables.",
                    id="audit.E001",
                )
            )
        if settings.PRODUCTION and connection.vendor == "postgresql" and guard.can_rewrite(connection):
            found.append(
                checks.Warning(
                    "The portal runs as a role that could switch off the protection of the audit trail.",
                    hint="Set MIGRATION_DATABASE_URL to the owner and DATABASE_URL to a role that owns nothing.",
                    id="audit.W002",
                )
            )
    return found
