"""`manage.py grafana_dashboard`: the dashboard of the automations as JSON, to be imported into Grafana."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from slos.exposition.dashboard import dashboard


class Command(BaseCommand):
    help = "Write a Grafana dashboard on top of /metrics (Dashboards, New, Import)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, help="a file (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        text = json.dumps(dashboard(), indent=2) + "\n"
        if options["output"]:
            options["output"].write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
