"""Finding the benchmarks of the rooms, and running one on a PostgreSQL that is thrown away afterwards.

A room's benchmark is a module `benchmark` with `run(out)`, `out` being a text stream; further ones are modules
`benchmark_…`. The name of one is `NAME` there, else the label of its app; `DATABASE = False` there says that it needs
none.
"""

import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from django.apps import apps
from django.conf import settings

from opsportal.workbench.postgres import Cluster

ALIASES = {"sweep": "handoffs"}


def all_benchmarks() -> dict[str, ModuleType]:
    """Every benchmark by its name, in alphabetical order."""
    found = {}
    for config in apps.get_app_configs():
        for module_name in _module_names(config.module):
            module = import_module(f"{config.name}.{module_name}")
            found[getattr(module, "NAME", config.label)] = module
    return dict(sorted(found.items()))


def _module_names(package: ModuleType | None) -> list[str]:
    names = [one.name for one in pkgutil.iter_modules(getattr(package, "__path__", None) or [])]
    return [name for name in names if name == "benchmark" or name.startswith("benchmark_")]


def get_benchmark(name: str) -> ModuleType | None:
    known = all_benchmarks()
    return known.get(name) or known.get(ALIASES.get(name, ""))


def needs_database(module: ModuleType) -> bool:
    return getattr(module, "DATABASE", True)


@contextmanager
def throw_away_database() -> Iterator[dict[str, str]]:
    """The environment of processes that work on a migrated, empty PostgreSQL of their own."""
    cluster = Cluster()
    try:
        environment = {**os.environ, "DATABASE_URL": cluster.start(), "MIGRATION_DATABASE_URL": ""}
        manage(environment, "migrate", "--verbosity", "0")
        yield environment
    finally:
        cluster.stop()


def manage(environment: dict[str, str], *arguments: str) -> int:
    """Run a command of `manage.py` in a process of its own; answers its exit code."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, cwd=settings.BASE_DIR, check=False).returncode
