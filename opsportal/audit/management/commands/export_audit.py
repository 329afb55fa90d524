"""`manage.py export_audit`: the trail and its seals as NDJSON, for `python -I verifier.py FILE`."""

import sys
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal import clock
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.export import export_lines
from opsportal.audit.operations import record


class Command(BaseCommand):
    help = "Write the audit trail and its seals as NDJSON. Exit 0 all written, 2 unusable."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, help="file to write (default: standard output)")
        parser.add_argument("--first", type=int, default=1, help="number of the first seal")
        parser.add_argument("--last", type=int, help="number of the last seal; without it, unsealed entries follow")
        parser.add_argument("--without-details", action="store_true", help="leave out labels, reasons and values")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        what = f"seals {options['first']} to {options['last'] or 'the newest'}"
        what += ", without details" if options["without_details"] else ""
        actor, subject = Actor.system("export_audit"), Subject("audit", "trail")
        record(Draft(actor, "audit.exported", subject, now, extra={"what": what}))
        try:
            if options["output"]:
                with options["output"].open("wb") as output:
                    self._write(output, options, now)
            else:
                self._write(sys.stdout.buffer, options, now)
        except OSError as error:
            raise CommandError(f"The export cannot be written: {error}", returncode=2) from error

    def _write(self, output: BinaryIO, options: dict[str, Any], now: Any) -> None:
        details = not options["without_details"]
        output.writelines(export_lines(now, first=options["first"], last=options["last"], details=details))
