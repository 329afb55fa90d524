"""What is installed: pinned with hashes, known licences, and a line each that says why it is there."""

import re
import subprocess
import sys
import tomllib
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

from tests.architecture.layers import ROOT

LOCKS = ["requirements.lock", "requirements-dev.lock"]
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|Python-2\.0|PSF|Python Software Foundation|ISC|MPL|Mozilla|LGPL|Lesser|Unlicense|0BSD|Zlib"
)
READ_BY_HAND = {"djlint": "GPL-3.0: a program that is run on templates in development, neither linked nor shipped"}


def pinned(lock: str) -> dict[str, str]:
    """{name: the lines that belong to it}"""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {entry.partition("==")[0]: entry for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if entry}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ;]", name)[0]).lower()


def declared() -> set[str]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {normal(name) for name in [*pyproject["project"]["dependencies"], *pyproject["dependency-groups"]["dev"]]}


def licence(name: str) -> str | None:
    try:
        found: Message = metadata(name)  # type: ignore[assignment]
    except PackageNotFoundError:
        return None
    named = [text for text in found.get_all("Classifier") or [] if text.startswith("License ::")]
    return " ".join([found.get("License-Expression") or "", *named, (found.get("License") or "")[:200]])


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    loose = [name for name, entry in pinned(lock).items() if "==" not in entry or "--hash=sha256:" not in entry]
    assert loose == []


def test_the_locks_hold_what_is_declared_and_the_larger_one_all_of_the_smaller() -> None:
    small, large = pinned("requirements.lock"), pinned("requirements-dev.lock")
    assert declared() <= set(large)
    assert {name: entry.split()[0] for name, entry in small.items()} == {
        name: entry.split()[0] for name, entry in large.items() if name in small
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host_or_a_path(lock: str) -> None:
    assert re.findall(r"https?://|file:|--index|--find-links|@ ", (ROOT / lock).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", sorted(pinned("requirements-dev.lock")))
def test_its_licence_allows_the_use(name: str) -> None:
    known = licence(name)
    if known is None:  # for another system or Python than this one
        return
    assert PERMISSIVE.search(known) or name in READ_BY_HAND, f"{name}: {known or 'no licence named'}"
    assert not re.search(r"\bAGPL|Affero|(?<!L)GPL-\d", known) or name in READ_BY_HAND


def test_every_declared_package_says_why_it_is_there() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    described = {normal(name) for name in re.findall(r"^\| `([^`]+)`", text, flags=re.MULTILINE)}
    assert declared() == described


def test_the_bill_of_materials_lists_every_package_of_the_runtime(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    subprocess.run([sys.executable, str(ROOT / ".ci" / "sbom.py"), str(target)], check=True, capture_output=True)
    listed = set(re.findall(r'^      "name": "([^"]+)"', target.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert listed == set(pinned("requirements.lock"))
