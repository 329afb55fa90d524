"""`manage.py import_n8n FILE…`: exported workflows of n8n into the catalogue, with what is wrong with them."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.catalog import operations
from opsportal.catalog.engine.n8n import Reading
from opsportal.catalog.exports import MAX_BYTES, read_file
from opsportal.errors import DomainError, InvalidInput
from opsportal.identity.models import Team
from opsportal.identity.queries import get_team
from opsportal.web.words import count

ACTOR = Actor.system("import_n8n")


class Command(BaseCommand):
    help = (
        "Import exported workflows of n8n: one, or a list of them, in each file. New ones become drafts, changed ones"
        " get a version, the same again changes nothing. Secrets are named, masked, and never kept."
        " Exit 0 all read, 1 some files could not be, 2 none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
        parser.add_argument("--team", default="", help="slug of the team that new automations belong to")
        parser.add_argument("--dry-run", action="store_true", help="say what would be found and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        team = self._team(options["team"])
        failed = sum(not self._take(path, team, dry_run=options["dry_run"]) for path in options["files"])
        if failed == len(options["files"]):
            raise CommandError("No file could be read.", returncode=2)
        if failed:
            sys.exit(1)

    def _take(self, path: Path, team: Team | None, *, dry_run: bool) -> bool:
        try:
            readings = read_file(_bytes_of(path))
        except (InvalidInput, OSError) as error:
            self.stderr.write(f"{path}: {error}")
            return False
        statuses = ["read"] * len(readings)
        if not dry_run:
            done = operations.import_workflows(readings, actor=ACTOR, now=clock.now(), team=team)
            statuses = [f"{each.status} {each.automation.slug}" for each in done]
        for reading, status in zip(readings, statuses, strict=True):
            self._say(reading, status)
        return True

    def _say(self, reading: Reading, status: str) -> None:
        self.stdout.write(f"{reading.name}: {status}, {count(len(reading.findings), 'finding')}")
        for finding in reading.findings:
            self.stdout.write(f"  {finding['code']}: {finding['sentence']}")
        if reading.rhythm:
            self.stdout.write(f"  rhythm: {reading.rhythm['sentence']}")

    def _team(self, slug: str) -> Team | None:
        try:
            return get_team(slug) if slug else None
        except DomainError as error:
            raise CommandError(str(error), returncode=2) from error


def _bytes_of(path: Path) -> bytes:
    """The file's bytes, and no more of them than a file may have."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
