"""`manage.py benchmark`: finds what the rooms measure."""

from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from opsportal.workbench import benchmarks


def module(**values: Any) -> ModuleType:
    made = ModuleType("benchmark")
    made.__dict__.update(values)
    return made


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    found: dict[str, ModuleType] = {}
    monkeypatch.setattr(benchmarks, "all_benchmarks", lambda: found)
    return found


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("benchmark", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_name_it_lists_them(known):
    known.update(calendars=module(), sweep=module())
    assert run().split() == ["calendars", "sweep"]


def test_one_that_needs_no_database_runs_here(known):
    known["calendars"] = module(DATABASE=False, run=lambda out: out.write("2 µs"))
    assert run("calendars") == "2 µs\n"


def test_one_that_needs_a_database_runs_elsewhere_unless_told(known, monkeypatch: pytest.MonkeyPatch):
    apart: list[str] = []
    monkeypatch.setattr(
        "opsportal.workbench.management.commands.benchmark.Command._run_apart",
        lambda self, name: apart.append(name) or 0,
    )
    known["sweep"] = module(run=lambda out: out.write("here"))
    with pytest.raises(SystemExit):
        run("sweep")
    assert apart == ["sweep"]
    assert run("sweep", "--here") == "here\n"


def test_an_unknown_one_is_refused_with_the_known_ones(known):
    known["calendars"] = module()
    with pytest.raises(CommandError, match="Known: calendars"):
        run("coffee")


def test_the_sweep_is_measured_by_the_room_of_the_timers():
    assert benchmarks.ALIASES["sweep"] == "handoffs"
