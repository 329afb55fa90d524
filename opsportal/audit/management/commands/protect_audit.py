"""`manage.py protect_audit`: put missing triggers back, give a runtime role its rights. Run by the owner."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from opsportal.audit import guard


class Command(BaseCommand):
    help = "Restore what keeps the audit trail append-only, and (PostgreSQL) grant a runtime role its rights."
    requires_system_checks: list[str] = []  # it repairs what the check complains about

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", help="PostgreSQL role of the running portal; it owns nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not guard.is_installed(connection):
            raise CommandError("Run `manage.py migrate` first.")
        missing = guard.missing(connection)
        guard.install(connection)
        self.stdout.write(f"Restored: {', '.join(missing)}." if missing else "The trail was protected already.")
        if options["role"]:
            if connection.vendor != "postgresql":
                raise CommandError("Only PostgreSQL has roles.")
            guard.grant(connection, options["role"])
            self.stdout.write(f"{options['role']} may read and append to the trail, and nothing else.")
