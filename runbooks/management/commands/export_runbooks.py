"""Write runbooks to a folder, a git working tree or a zip: manage.py export_runbooks PATH."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.errors import DomainError
from runbooks.library.exchange import exporting, files
from runbooks.models import Runbook


class Command(BaseCommand):
    help = (
        "Write the published runbooks as Markdown, each file where it came from. In a git working tree, files with "
        "changes that are not committed are not written over."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a folder, or a file that ends in .zip")
        parser.add_argument("slugs", nargs="*", help="these only (default: all that are in use)")
        parser.add_argument("--notion", action="store_true", help="properties below the title, as Notion imports them")
        parser.add_argument("--drafts", action="store_true", help="the newest revisions, published or not")
        parser.add_argument("--force", action="store_true", help="write over changes that are not committed")

    def handle(self, *args: Any, path: Path, slugs: list[str], **options: Any) -> None:
        rows = Runbook.objects.filter(retired_at=None)
        rows = rows.filter(slug__in=slugs) if slugs else rows
        found = exporting.files_of(rows, notion=options["notion"], newest=options["drafts"])
        try:
            if path.suffix.lower() == ".zip":
                path.write_bytes(files.write_zip(found))
                self.stdout.write(f"{len(found)} runbooks in {path}.")
                return
            path.mkdir(parents=True, exist_ok=True)
            written = exporting.write_out(path, found, force=options["force"])
        except (DomainError, OSError) as error:
            raise CommandError(str(error), returncode=2) from None
        for name in written:
            self.stdout.write(name)
        self.stdout.write(f"{len(found)} runbooks, {len(written)} files written.")
