"""Every Python file of the house (not of the tests), parsed once."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.architecture.layers import ROOMS, ROOT


class Source(NamedTuple):
    path: Path
    module: str
    text: str
    tree: ast.Module

    @property
    def is_migration(self) -> bool:
        return ".migrations." in self.module

    def is_file(self, *names: str) -> bool:
        """Is it `name.py`, or does it stand in a package `name/`?"""
        return any(part in names for part in self.module.split("."))


def parse(path: Path, text: str, module: str) -> Source:
    return Source(path, module, text, ast.parse(text, filename=str(path)))


@cache
def sources() -> list[Source]:
    tops = sorted({name.partition(".")[0] for name in ROOMS} & {path.name for path in ROOT.iterdir()})
    paths = [ROOT / "manage.py", *(path for top in tops for path in sorted((ROOT / top).rglob("*.py")))]
    return [parse(path, path.read_text(encoding="utf-8"), module_of(path)) for path in paths]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def templates() -> list[Path]:
    folders = [ROOT / "templates", *ROOT.glob("opsportal/*/templates"), *ROOT.glob("*/templates")]
    return sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()})
