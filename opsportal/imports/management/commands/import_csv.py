"""`manage.py import_csv KIND FILE`: a CSV file in, all or nothing per file, and `--undo BATCH` to take it out again."""

import hashlib
import sys
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.errors import DomainError, InvalidInput
from opsportal.imports import cells, operations
from opsportal.imports.checking import Plan, order_of_dates, read_rows, refused_header, settle
from opsportal.imports.columns import apply_said, check, guess
from opsportal.imports.files import Sheet, clean_name, read_sheet
from opsportal.imports.models import ImportBatch
from opsportal.imports.registry import Kind, get_kind, names
from opsportal.imports.states import RowState
from opsportal.web.csv import lines
from opsportal.web.words import count

ACTOR = Actor.system("import_csv")
MAX_BYTES, MAX_ROWS = 200 * 1024 * 1024, 200_000
SHOWN = 20


class Command(BaseCommand):
    help = (
        "Import a CSV file, all rows that are in order or none. As history, which is judged and acted on by nobody,"
        " unless --live. The same file again changes nothing. Exit 0 all taken, 1 some refused, 2 unusable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=names())
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument("--rule", default="", metavar="SLUG", help="the rule they go under")
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="may be repeated")
        parser.add_argument("--live", action="store_true", help="timers run; what is due already acts at once")
        parser.add_argument("--timezone", default="UTC", help="of times without an offset, such as Europe/Amsterdam")
        parser.add_argument("--dates", choices=["day-first", "month-first"], help="what 03/04/2026 means")
        parser.add_argument("--dry-run", action="store_true", help="check every row and write nothing")
        parser.add_argument("--refused", type=Path, help="write refused rows there, as CSV with the reason")
        parser.add_argument("--undo", type=int, metavar="BATCH", help="take out again what nobody has touched since")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refused = self._undo(options) if options["undo"] else self._run(options)
        except (DomainError, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        if refused:
            sys.exit(1)

    def _run(self, options: dict[str, Any]) -> int:
        """How many rows were refused."""
        if options["file"] is None:
            raise InvalidInput("required", "Name a file, or a batch with --undo.")
        kind, path, began = get_kind(options["kind"]), options["file"], time.monotonic()
        raw = _bounded(path)
        sheet = read_sheet(raw, max_rows=MAX_ROWS, max_bytes=MAX_BYTES)
        mapping = _mapping(sheet, kind, options["map"])
        chosen = _options(sheet, mapping, kind, options)
        self._say_mapping(sheet, mapping)
        if options["dry_run"]:
            reader = kind.reader(chosen, None, clock.now())
            plan, done = settle(read_rows(sheet, mapping, kind, reader), reader), ""
        else:
            batch, plan = _import(kind, path, raw, sheet, mapping, chosen)
            done = f" Batch {batch.pk}: --undo {batch.pk} takes it out again."
        self._say_refused(plan, options["refused"])
        counts = plan.counts
        new, there, out = (counts[one] for one in (RowState.CREATED, RowState.DUPLICATE, RowState.REFUSED))
        said = f"{new:,} {'would be new' if options['dry_run'] else 'new'}, {there:,} there before, {out:,} refused"
        self.stdout.write(f"{path.name}: {said} in {time.monotonic() - began:.1f} s.{done}")
        return out

    def _undo(self, options: dict[str, Any]) -> int:
        """How many records stay, because somebody has touched them."""
        batch = ImportBatch.objects.filter(pk=options["undo"], kind=options["kind"]).first()
        if batch is None:
            raise InvalidInput("unknown_import", f"There is no import {options['undo']} of {options['kind']}.")
        _, done = operations.undo_batch(batch, principal=None, actor=ACTOR, now=clock.now())
        nouns = get_kind(options["kind"]).nouns
        self.stdout.write(f"{batch.file_name}: {count(len(done.removed), *nouns)} taken out, {len(done.kept):,} kept.")
        for key, why in list(done.kept.items())[:SHOWN]:
            self.stderr.write(f"{key} stays: {why}")
        return len(done.kept)

    def _say_mapping(self, sheet: Sheet, mapping: list[str]) -> None:
        for heading, name in zip(sheet.headings, mapping, strict=True):
            self.stderr.write(f"{heading} -> {name or 'left out'}")

    def _say_refused(self, plan: Plan, target: Path | None) -> None:
        """All refused rows to a file where one is named, the first few to the screen."""
        rows = list(plan.refused())
        for *_, line, why in rows[:SHOWN]:
            self.stderr.write(f"line {line}: {why}")
        if len(rows) > SHOWN:
            self.stderr.write(f"… and {len(rows) - SHOWN:,} more.")
        if target is not None:
            with target.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines(refused_header(plan.headings), rows))


def _bounded(path: Path) -> bytes:
    """The file's bytes, and no more of them than a file may have."""
    if not path.is_file():
        raise InvalidInput("no_file", f"{path}: there is no such file.")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _mapping(sheet: Sheet, kind: Kind, said: list[str]) -> list[str]:
    """The guess, corrected by what --map says; FIELD may be `attribute` or, to leave a column out, nothing."""
    pairs = [one.rpartition("=") for one in said]
    if any(not mark for _, mark, _ in pairs):
        raise InvalidInput("bad_map", "--map is written COLUMN=FIELD.")
    mapping = apply_said(
        guess(sheet.headings, kind.fields), sheet.headings, {column: name for column, _, name in pairs}
    )
    check(mapping, sheet.headings, kind.fields, keeps_extras=kind.keeps_extras)
    return mapping


def _options(sheet: Sheet, mapping: list[str], kind: Kind, options: dict[str, Any]) -> dict[str, Any]:
    """What the kind's form would answer."""
    try:
        ZoneInfo(options["timezone"])
    except (OSError, ValueError, KeyError):
        raise InvalidInput("unknown_zone", f"--timezone {options['timezone']}: there is no such time zone.") from None
    said = {"day-first": cells.DAY_FIRST, "month-first": cells.MONTH_FIRST}.get(options["dates"] or "")
    return {
        "rule": options["rule"],
        "live": options["live"],
        "timezone": options["timezone"],
        "dates": said or order_of_dates(sheet, mapping, kind),
    }


def _import(
    kind: Kind, path: Path, raw: bytes, sheet: Sheet, mapping: list[str], chosen: dict[str, Any]
) -> tuple[ImportBatch, Plan]:
    """The batch is made in the transaction of its rows: a file that is refused leaves nothing behind."""
    now = clock.now()
    with transaction.atomic():
        batch = ImportBatch.objects.create(
            kind=kind.name,
            file_name=clean_name(path.name),
            sha256=hashlib.sha256(raw).digest(),
            size=len(raw),
            headings=sheet.headings,
            mapping=mapping,
            options=chosen,
            by_label=ACTOR.label,
            uploaded_at=now,
        )
        return operations.import_batch(batch, principal=None, actor=ACTOR, now=now, sheet=sheet)
