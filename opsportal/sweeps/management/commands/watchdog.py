"""`manage.py watchdog`: is the worker silent? From a system timer, or with --every as a small process of its own."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from opsportal import clock
from opsportal.sweeps import watchdog


class Command(BaseCommand):
    help = "Tell whether every sweep is fresh, and page when not. Exit code 0: fresh, 1: stale, 2: could not tell."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", metavar="SECONDS", type=float, help="look again and again instead of once")
        parser.add_argument("--quiet", action="store_true", help="page nobody and ping nothing, only tell")
        parser.add_argument(
            "--memory", type=Path, default=settings.VAR_DIR / "watchdog-paged-at", help="where it notes that it paged"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            state = self._look(options["memory"], quiet=options["quiet"])
            if options["every"] is None:
                raise SystemExit(state)
            time.sleep(options["every"])
            close_old_connections()

    def _look(self, memory: Path, *, quiet: bool) -> int:
        verdict = watchdog.look()
        for line in verdict.lines:
            self.stdout.write(line)
        self.stdout.write(verdict.sentence)
        if not quiet:
            for failure in watchdog.act(verdict, memory=memory, now=clock.now()):
                self.stderr.write(failure)
        return verdict.state
