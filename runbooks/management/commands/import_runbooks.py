"""Bring runbooks in from a folder, a git working tree or a zip: manage.py import_runbooks PATH."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal import clock, trace
from opsportal.audit.engine import Actor
from opsportal.errors import DomainError
from opsportal.identity.queries import get_person
from runbooks.library.exchange import files, git, importing

COMMAND = Actor.system("import_runbooks")


class Command(BaseCommand):
    help = (
        "Bring Markdown files in as drafts. The same text changes nothing. Exit code 0: all of it, 1: some were "
        "refused, 2: nothing could be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a folder, a git working tree, a .zip or one .md file")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
        parser.add_argument("--publish-as", metavar="USERNAME", help="publish what has no findings, as this person")

    def handle(self, *args: Any, path: Path, dry_run: bool, publish_as: str | None, **options: Any) -> None:
        try:
            found = _read(path)
            publisher = get_person(publish_as) if publish_as else None
            if dry_run:
                rows = importing.look_at(found, principal=None)
            else:
                commit = git.commit_of(path if path.is_dir() else path.parent)
                with trace.scope(source="command"):
                    rows = importing.bring_in(
                        found,
                        hand=importing.Hand(COMMAND, publisher=publisher),
                        now=clock.now(),
                        note_text=f"From git {commit[:12]}" if commit else f"From {path.name}",
                    )
        except (DomainError, OSError) as error:
            raise CommandError(str(error), returncode=2) from None
        for row in rows:
            more = f", {row.findings} to mend" if row.findings else ""
            self.stdout.write(f"{row.outcome:8} {row.slug or '-'}  {row.path}{more}  {row.message}".rstrip())
        refused = sum(row.outcome == "refused" for row in rows)
        self.stdout.write(f"{len(rows) - refused} read, {refused} refused.")
        if refused:
            raise SystemExit(1)


def _read(path: Path) -> list[files.File]:
    if path.is_dir():
        return files.read_folder(path)
    raw = path.read_bytes()
    return files.read_zip(raw) if path.suffix.lower() == ".zip" else [files.as_file(path.name, raw)]
