"""`manage.py gate SLUG --change feature`: exit 0 the change may go ahead, 1 it is held back, 2 could not tell.

For pipelines: the same answer as the page, the API and whatever writes the catalogue.
"""

import json
import sys
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from opsportal import clock
from opsportal.catalog import queries
from opsportal.catalog.api.fields import FreezeSerializer
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError

COULD_NOT_TELL = 2


class Command(BaseCommand):
    help = "Ask whether a change to an automation may go ahead. Exit 0 allowed, 1 held back, 2 could not tell."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the automation")
        parser.add_argument("--change", default="feature", help="feature (default), fix, security or experiment")
        parser.add_argument("--at", help="an instant with offset, such as 2026-11-03T09:00Z; default: now")
        parser.add_argument("--json", action="store_true", help="answer {allowed, reason, freeze}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            automation = Automation.objects.select_related("team").filter(slug=options["slug"]).first()
            if automation is None:
                raise CommandError(f"There is no automation {options['slug']!r}.", returncode=COULD_NOT_TELL)
            verdict = queries.gate(automation, change=options["change"], at=_instant(options["at"]))
        except DomainError as error:
            raise CommandError(error.message, returncode=COULD_NOT_TELL) from error
        except (DatabaseError, ValueError) as error:
            raise CommandError(f"Could not tell: {error}", returncode=COULD_NOT_TELL) from error
        self._say(verdict, as_json=options["json"])
        if not verdict.allowed:
            sys.exit(1)

    def _say(self, verdict: queries.Gate, *, as_json: bool) -> None:
        if as_json:
            freeze = FreezeSerializer(verdict.freeze).data if verdict.freeze else None
            answer = {"allowed": verdict.allowed, "reason": verdict.reason, "freeze": freeze}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        else:
            self.stdout.write(f"{'allowed' if verdict.allowed else 'held back'}: {verdict.reason}")


def _instant(text: str | None) -> datetime:
    if not text:
        return clock.now()
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("An instant needs an offset, such as Z.")
    return at
