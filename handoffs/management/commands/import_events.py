"""`manage.py import_events FILE`: a log of events from CSV, NDJSON or XES, resumable, and the same twice is once."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from handoffs.importing.files import LogFile, Unusable
from handoffs.importing.mapping import Reading, read_mapping
from handoffs.importing.running import Import, mapping_of, sample
from opsportal import clock
from opsportal.api.lines import Answer
from opsportal.errors import InvalidInput

SHOWN, SHOWN_ROWS = 20, 5
SAID_EVERY_SECONDS = 5.0


class Command(BaseCommand):
    help = (
        "Take a file of events (CSV, NDJSON, XES; .gz too) into the log. Rules open, answer and complete handoffs from"
        " it. What is imported counts as history, which is judged and acted on by nobody, unless --live."
        " Exit 0 all taken, 1 some refused, 2 unusable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="may be repeated")
        parser.add_argument("--source", default="", help="the system it comes from (default: import)")
        parser.add_argument("--live", action="store_true", help="timers that have run out act at the next sweep")
        parser.add_argument("--timezone", default="", help="of times without an offset, such as Europe/Amsterdam")
        parser.add_argument(
            "--system", action="append", default=[], metavar="NAME", help="a resource that is a program"
        )
        parser.add_argument("--preview", action="store_true", help="show how the first rows are read, and stop")
        parser.add_argument("--dry-run", action="store_true", help="check every row and write nothing")
        parser.add_argument("--refused", type=Path, help="write refused rows there, as NDJSON with the reason")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refused = self._run(options)
        except (Unusable, InvalidInput, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        if refused:
            sys.exit(1)

    def _run(self, options: dict[str, Any]) -> int:
        """How many rows were refused."""
        log = LogFile.open(options["file"])
        records = sample(log)
        if not records:
            raise Unusable(f"{log.path.name} holds no events.")
        reading = _reading(options, mapping_of(records, read_mapping(options["map"])))
        if options["preview"] or options["dry_run"]:
            self._preview(reading, records)
        if options["preview"]:
            return 0
        with ExitStack() as stack:
            report = Refusals(
                self.stderr, stack.enter_context(options["refused"].open("wb")) if options["refused"] else None
            )
            run = Import(log, reading, clock.now(), report.add, Progress(self.stderr).show)
            began = time.monotonic()
            counts = run.check() if options["dry_run"] else run.run()
        if run.skipped:
            self.stderr.write(f"Went on behind record {run.skipped:,}, where an earlier run stopped.")
        said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing new"
        self.stdout.write(f"{log.path.name}: {said} in {time.monotonic() - began:.1f} s.")
        report.close()
        return report.count

    def _preview(self, reading: Reading, records: list[Any]) -> None:
        columns = dict.fromkeys(name for record in records if isinstance(record, dict) for name in record)
        for column in columns:
            self.stdout.write(f"{column} -> {reading.mapping.get(column, f'attributes.{column}') or 'left out'}")
        for number, record in enumerate(records[:SHOWN_ROWS], start=1):
            try:
                shown = msgspec.json.encode(reading.event((number, record))).decode()
            except InvalidInput as error:
                shown = f"refused: {error.code} {error.field} {error}"
            self.stdout.write(f"{number}: {shown}")


class Refusals:
    """Refused rows: all of them to a file where one is named, the first few to the screen."""

    def __init__(self, screen: Any, target: Any) -> None:
        self.screen, self.target, self.count = screen, target, 0

    def add(self, answer: Answer, record: Any) -> None:
        self.count += 1
        if self.count <= SHOWN:
            self.screen.write(f"record {answer.line}: {answer.status}, {answer.code} {answer.field or ''}".rstrip())
        if self.target is not None:
            shown = record.decode("utf-8", "backslashreplace") if isinstance(record, bytes) else record
            row = {"record": answer.line, "status": answer.status, "code": answer.code, "field": answer.field}
            self.target.write(msgspec.json.encode({**row, "said": shown}) + b"\n")

    def close(self) -> None:
        if self.count > SHOWN:
            self.screen.write(f"… and {self.count - SHOWN:,} more.")


class Progress:
    """How much of the file has been read: on a terminal all the time, in a log file every few seconds."""

    def __init__(self, screen: Any) -> None:
        self.screen, self.began = screen, time.monotonic()
        self.moving, self.said_at = bool(screen.isatty()), self.began

    def show(self, share: float) -> None:
        seconds = time.monotonic()
        if self.moving:
            self.screen.write(f"\r{share:5.0%}", ending="\n" if share >= 1 else "")
        elif seconds - self.said_at > SAID_EVERY_SECONDS:
            self.said_at = seconds
            self.screen.write(f"{share:.0%} after {seconds - self.began:.0f} s")


def _reading(options: dict[str, Any], mapping: dict[str, str]) -> Reading:
    try:
        zone = ZoneInfo(options["timezone"]) if options["timezone"] else None
    except (OSError, ValueError, KeyError):
        raise Unusable(f"--timezone {options['timezone']}: there is no such time zone.") from None
    return Reading(
        mapping,
        (options["source"] or "import")[:60],
        historical=not options["live"],
        timezone=zone,
        systems=frozenset(options["system"]),
        said={"source": options["source"][:60]},
    )
