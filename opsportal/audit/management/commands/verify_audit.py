"""`manage.py verify_audit`: exit 0 the trail is intact, 1 it is not, 2 cannot tell."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from opsportal import clock
from opsportal.audit.verification import save_verification, verify
from opsportal.audit.verifier import Report, parse_head


class Command(BaseCommand):
    help = "Check every entry and seal of the trail, and name the first bad row. Exit 0 intact, 1 not, 2 cannot tell."
    requires_system_checks: list[str] = []  # a broken guard is for this command to tell, not to stumble over

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", metavar="NUMBER:HASH", help="a head known from outside (log, mail)")

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = clock.now()
        try:
            head = parse_head(options["head"]) if options["head"] else None
            report = verify(head=head, on_seal=self._progress)
        except (DatabaseError, ValueError, KeyError, TypeError) as error:
            self.stderr.write(f"Cannot tell: {error}")
            sys.exit(2)
        self._save(report, started_at)
        self.stdout.write(str(report))
        sys.exit(0 if report.is_intact else 1)

    def _progress(self, report: Report) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\rseal {report.number}, {report.entry_count} entries", ending="")

    def _save(self, report: Report, started_at: Any) -> None:
        """A reader with no right to write may verify too: the page then shows the portal's own rounds only."""
        try:
            save_verification(report, started_at=started_at, now=clock.now())
        except DatabaseError as error:
            self.stderr.write(f"The result could not be kept: {error}")
