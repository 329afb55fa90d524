"""`manage.py setup`: prepare a fresh portal. Asks, or reads OPSPORTAL_ADMIN_USERNAME, _NAME, _EMAIL and _PASSWORD."""

import getpass
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from opsportal import clock
from opsportal.errors import DomainError
from opsportal.workbench import setup


class Command(BaseCommand):
    help = "Prepare a fresh portal: check the secret key, migrate, make the first admin. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        problem = setup.key_problem()
        if problem and settings.PRODUCTION:
            raise CommandError(f"{problem} A good one: {self._suggest_key()}")
        if problem:
            self.stderr.write(f"Not for production: {problem}")
        if not settings.RUNTIME_ROLE:
            call_command("migrate", verbosity=0, stdout=self.stdout)
        self.stdout.write("The tables are up to date.")
        if setup.has_admin():
            self.stdout.write("There is an admin already; nobody was added.")
            return
        self._make_admin()
        setup.publish_policy(clock.now())
        self.stdout.write("The published budget policy is in force; it can be changed or retired at /policy/.")

    def _make_admin(self) -> None:
        username = self._answer("USERNAME", "User name of the first admin")
        name = self._answer("NAME", "Name")
        email = self._answer("EMAIL", "Mail address")
        password = self._answer("PASSWORD", "Password (12 characters or more)", secret=True)
        try:
            person = setup.make_first_admin(
                username=username, name=name, email=email, password=password, now=clock.now()
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{person.name} is the first admin and can sign in at {settings.BASE_URL}/login/.")

    def _answer(self, key: str, question: str, *, secret: bool = False) -> str:
        variable = f"OPSPORTAL_ADMIN_{key}"
        if given := os.environ.get(variable, "").strip():
            return given
        if not sys.stdin.isatty():
            raise CommandError(f"Set {variable}, or run this where it can ask.")
        ask = getpass.getpass if secret else input
        return ask(f"{question}: ").strip()

    def _suggest_key(self) -> str:
        from opsportal.ids import new_secret

        return new_secret(48)
