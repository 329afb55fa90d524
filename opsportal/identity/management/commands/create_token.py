"""`manage.py create_token NAME --scopes a,b --days N`: a token for a program, printed once on standard output."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal import clock, trace
from opsportal.audit.engine import Actor
from opsportal.errors import DomainError
from opsportal.identity import operations, queries
from opsportal.identity.operations.tokens import MAX_DAYS
from opsportal.identity.roles import SCOPES


class Command(BaseCommand):
    help = "Make a token for a program. It is printed once; only its key id and a hash are kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what uses it, such as “n8n production”")
        parser.add_argument("--scopes", required=True, help=f"separated by commas, of: {' '.join(SCOPES)}")
        parser.add_argument("--days", type=int, required=True, help=f"how long it lives, 1 to {MAX_DAYS}")
        parser.add_argument("--team", default="", help="slug; it sees this team's records only")
        parser.add_argument("--source", default="", help="name of the sending system; outlives rotation")
        parser.add_argument("--person", default="", help="user name of who answers for it; it ends with them")
        parser.add_argument("--networks", default="", help="where it may be used from: CIDR, separated by commas")

    def handle(self, *args: Any, **options: Any) -> None:
        with trace.scope(source="command"):
            try:
                token, text = operations.create_token(
                    name=options["name"],
                    scopes=_parts(options["scopes"]),
                    days=options["days"],
                    team=queries.get_team(options["team"]) if options["team"] else None,
                    source=options["source"],
                    person=queries.get_person(options["person"]) if options["person"] else None,
                    networks=_parts(options["networks"]),
                    actor=Actor.system("create_token"),
                    now=clock.now(),
                )
            except DomainError as refused:
                raise CommandError(refused.message) from refused
        self.stdout.write(text)
        self.stderr.write(f"Token “{token.name}”, key id {token.key_id}, ends {token.expires_at:%Y-%m-%d %H:%M} UTC.")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
