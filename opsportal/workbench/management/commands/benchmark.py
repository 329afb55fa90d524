"""`manage.py benchmark NAME`: measure one room and print figures and ratios."""

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.workbench import benchmarks
from opsportal.workbench.postgres import PostgresMissing


class Command(BaseCommand):
    help = "Measure a room. What needs a database gets a PostgreSQL of its own, which is thrown away afterwards."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="which; without a name the known ones are listed")
        parser.add_argument(
            "--here", action="store_true", help="on the configured database: it writes many rows and drops nothing"
        )
        parser.add_argument("--rows", type=int, help="how many records, for a benchmark that lets one choose")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if name is None:
            self.stdout.write("\n".join(benchmarks.all_benchmarks()) or "No room has a benchmark.")
            return
        module = benchmarks.get_benchmark(name)
        if module is None:
            raise CommandError(f"There is no benchmark “{name}”. Known: {', '.join(benchmarks.all_benchmarks())}.")
        if options["here"] or not benchmarks.needs_database(module):
            module.run(self.stdout, **({"rows": options["rows"]} if options["rows"] else {}))
        else:
            raise SystemExit(self._run_apart(name, *(["--rows", str(options["rows"])] if options["rows"] else [])))

    def _run_apart(self, name: str, *arguments: str) -> int:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped
        try:
            with benchmarks.throw_away_database() as environment:
                return benchmarks.manage(environment, "benchmark", name, "--here", *arguments)
        except PostgresMissing as missing:
            raise CommandError(str(missing)) from missing
