"""`manage.py erase_person KEY…`: what would be erased of a data subject; with --yes it is, with a certificate."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from opsportal import clock, trace
from opsportal.errors import DomainError
from opsportal.identity.models import Person
from opsportal.privacy import erasing


class Command(BaseCommand):
    help = "Erase a data subject by the keys it is known by. Looks only, unless --yes is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("keys", nargs="+", metavar="KEY", help="a record key or an external id")
        parser.add_argument("--by", required=True, help="user name of an admin")
        parser.add_argument("--second", default="", help="user name of another admin or an ops lead")
        parser.add_argument("--reason", default="")
        parser.add_argument("--out", type=Path, help="file for the certificate; without it, standard output")
        parser.add_argument(
            "--keep-held", action="store_true", help="erase the rest where a legal hold keeps something"
        )
        parser.add_argument("--yes", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        try:
            with trace.scope(source="command"):
                by = self._person(options["by"])
                if not options["yes"]:
                    rooms = erasing.look(options["keys"], by=by, now=now).rooms
                    self._say({name: {"erases": one.counts, "keeps": one.kept} for name, one in rooms.items()})
                    return
                said = {"keys": options["keys"], "reason": options["reason"], "now": now}
                said["keep_held"] = options["keep_held"]
                certificate = erasing.erase_person(**said, by=by, second=self._person(options["second"]))
        except DomainError as error:
            raise CommandError(error.message) from error
        if options["out"]:
            options["out"].write_text(json.dumps(certificate, indent=2) + "\n")
        else:
            self._say(certificate)

    def _person(self, username: str) -> Person:
        person = Person.objects.filter(username=username, is_active=True).first()
        if person is None:
            raise CommandError(f"There is nobody “{username}”.")
        return person

    def _say(self, what: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(what, indent=2))
