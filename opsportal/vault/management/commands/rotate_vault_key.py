"""`manage.py rotate_vault_key`: exit 0 every data key is under the first vault key, 1 some cannot be moved."""

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from opsportal.vault.keys import wrapping_keys
from opsportal.vault.operations import list_unrotated, rewrap


class Command(BaseCommand):
    help = "Put every data key under the first of OPSPORTAL_VAULT_KEYS. Interrupted, it goes on at the next run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", action="store_true", help="only say how many are left")
        parser.add_argument("--batch", type=int, default=500, help="keys between two lines of progress (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        left = list_unrotated().count()
        if options["count"]:
            self.stdout.write(f"{left} left under other keys than {wrapping_keys()[0].fingerprint}.")
            sys.exit(1 if left else 0)
        moved, stuck = self._rotate(left, max(1, options["batch"]))
        self.stdout.write(f"{moved} moved under {wrapping_keys()[0].fingerprint}, {sum(stuck.values())} left.")
        for fingerprint, count in sorted(stuck.items()):
            self.stderr.write(f"{count} under {fingerprint} do not open: {self._why(fingerprint)}")
        sys.exit(1 if stuck else 0)

    def _rotate(self, total: int, batch: int) -> tuple[int, Counter[str]]:
        """(how many moved, fingerprint -> how many are stuck)"""
        moved, stuck = 0, Counter[str]()
        done = rewrap(limit=batch)
        while done.last is not None:
            moved += done.moved
            stuck.update(key.wrapped_by for key in done.stuck)
            self.stdout.write(f"{moved} of {total}")
            done = rewrap(limit=batch, after=done.last)
        return moved, stuck

    def _why(self, fingerprint: str) -> str:
        known = {key.fingerprint for key in wrapping_keys()}
        if fingerprint in known:
            return "their rows were changed."
        return "that key is not among OPSPORTAL_VAULT_KEYS; add it behind the first."
