"""`manage.py prometheus_rules [SLUG…]`: recording and alert rules on top of /metrics, for `promtool check rules`."""

import sys
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from slos.exposition import rule_tests, rules
from slos.models import Slo


class Command(BaseCommand):
    help = (
        "Write recording and alert rules on top of /metrics. With --tests also unit tests for `promtool test rules`."
        " Exit 0 written, 2 nothing to write."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="SLOs (default: every one in force)")
        parser.add_argument("--naming", choices=[rules.OWN, rules.SLOTH], default=rules.OWN)
        parser.add_argument("--output", type=Path, help="a file (default: standard output)")
        parser.add_argument("--tests", type=Path, metavar="FILE", help="unit tests of what --output holds")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tests"] and not options["output"]:
            raise CommandError("--tests tests a file: name it by --output.", returncode=2)
        slos = self._slos(options["slug"])
        document = rules.rules_file(slos, naming=options["naming"])
        if options["output"]:
            options["output"].write_text(dumped(document), encoding="utf-8")
        else:
            sys.stdout.write(dumped(document))
        if options["tests"]:
            path = str(options["output"].resolve())
            tests = rule_tests.tests_file(slos, path, naming=options["naming"])
            options["tests"].write_text(dumped(tests), encoding="utf-8")
        for notice in rules.left_out(slos):
            self.stderr.write(notice)

    def _slos(self, slugs: list[str]) -> list[Slo]:
        rows = Slo.objects.in_force().select_related("automation").order_by("slug")
        found = list(rows.filter(slug__in=slugs) if slugs else rows)
        if missing := sorted(set(slugs) - {slo.slug for slo in found}):
            raise CommandError(f"Not an SLO in force: {', '.join(missing)}.", returncode=2)
        if not found:
            raise CommandError("There is no SLO in force.", returncode=2)
        return found


class _Dumper(yaml.SafeDumper):
    """Expressions over several lines as blocks, as people write them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dumped(document: dict[str, Any]) -> str:
    head = "# Written by `manage.py prometheus_rules`; write it anew when SLOs change.\n"
    return head + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000)
