"""`manage.py export_openslo [SLUG…]`: SLOs as OpenSLO v1, each checked strictly before anything is written."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from slos.exposition.openslo.giving import objects_of, refused
from slos.models import Slo
from slos.states import SloState


class Command(BaseCommand):
    help = "Write SLOs as OpenSLO v1 (YAML). Exit 0 written, 1 some left out because v1 does not allow them, 2 none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="SLOs (default: all but retired ones)")
        parser.add_argument("--output", type=Path, help="a file (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        objects = objects_of(self._slos(options["slug"]))
        faulty = refused(objects)
        for body, faults in faulty:
            for fault in faults:
                self.stderr.write(f"{body['kind']} {body['metadata']['name']}, {fault}")
        left_out = {id(body) for body, _ in faulty}
        text = dumped([body for body in objects if id(body) not in left_out])
        if options["output"]:
            options["output"].write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
        if faulty:
            sys.exit(1)

    def _slos(self, slugs: list[str]) -> list[Slo]:
        rows = Slo.objects.select_related("automation", "heartbeat", "rule", "team").order_by("slug")
        found = list(rows.filter(slug__in=slugs) if slugs else rows.exclude(state=SloState.RETIRED.value))
        if missing := sorted(set(slugs) - {slo.slug for slo in found}):
            raise CommandError(f"There is no SLO {', '.join(missing)}.", returncode=2)
        if not found:
            raise CommandError("There is no SLO.", returncode=2)
        return found


class _Dumper(yaml.SafeDumper):
    """Decimals as the numbers they are."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    text = f"{value.normalize():f}"
    return dumper.represent_scalar("tag:yaml.org,2002:float" if "." in text else "tag:yaml.org,2002:int", text)


_Dumper.add_representer(Decimal, _decimal)


def dumped(objects: list[dict[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, explicit_start=True, width=120)
