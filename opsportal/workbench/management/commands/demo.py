"""`manage.py demo`: a portal to look at, on an embedded database in var/demo/."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.workbench.demo.home import Home
from opsportal.workbench.demo.launch import Launcher, Unstartable


class Command(BaseCommand):
    help = "Start a portal with people, rules and six weeks of history; Ctrl-C stops it, the next start keeps the data."
    # The demo has settings of its own; these are only those of the launcher.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--folder", type=Path, default=settings.VAR_DIR / "demo", help="where its data lives")

    def handle(self, *args: Any, **options: Any) -> None:
        home = Home(options["folder"].resolve())
        manage = str(settings.BASE_DIR / "manage.py")
        try:
            Launcher(home, port=options["port"], manage=manage, out=self.stdout).run()  # type: ignore[arg-type]
        except Unstartable as reason:
            raise CommandError(str(reason)) from reason
