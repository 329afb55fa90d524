"""`manage.py import_openslo FILE…`: SLOs of OpenSLO as drafts here, with a note for all that differs."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.catalog.models import Automation
from slos.exposition.openslo.importing import Wishes, import_files


class Command(BaseCommand):
    help = (
        "Read OpenSLO files (v1alpha, v1, v2alpha) and make their SLOs drafts here. A service is the automation of that"
        " slug. Notes go to standard error. Exit 0 all taken, 1 some refused, 2 nothing could be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="+", type=Path)
        parser.add_argument("--automation", default="", metavar="SLUG", help="for services that are no automation here")
        parser.add_argument("--create-automations", action="store_true", help="make those as drafts instead")
        parser.add_argument("--update", action="store_true", help="change SLOs that exist")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["automation"] and not Automation.objects.filter(slug=options["automation"]).exists():
            raise CommandError(f"There is no automation “{options['automation']}”.", returncode=2)
        named = ("automation", "create_automations", "update", "dry_run")
        wishes = Wishes(**{name: options[name] for name in named})
        imported = import_files(options["file"], wishes, actor=Actor.system("import_openslo"), now=clock.now())
        for note in imported.notes:
            self.stderr.write(str(note))
        for word, slugs in (("created", imported.created), ("changed", imported.changed), ("left", imported.same)):
            for slug in slugs:
                self.stdout.write(f"{word} {slug}")
        if options["dry_run"]:
            self.stdout.write("Nothing was written.")
        if imported.refused:
            sys.exit(1 if imported.created or imported.changed or imported.same else 2)
