"""The Grafana dashboard: what Grafana asks of one, and nothing that /metrics does not say."""

import io
import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from slos.exposition import metrics
from slos.exposition.dashboard import dashboard
from tests.slos.promtool import needs_promtool, promtool

UNITS = {"percentunit", "none", "short", "s"}


@pytest.fixture
def board(tmp_path: Path) -> dict[str, Any]:
    call_command("grafana_dashboard", output=tmp_path / "board.json")
    return json.loads((tmp_path / "board.json").read_text())


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


def test_every_panel_has_a_number_of_its_own_and_a_place_that_no_other_takes(board):
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for one, other in itertools.combinations([panel["gridPos"] for panel in board["panels"]], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or below, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])


def test_the_datasource_is_a_variable_everywhere(board):
    assert {one["name"] for one in board["templating"]["list"]} == {"datasource", "automation"}
    used = {panel["datasource"]["uid"] for panel in panels(board)}
    used |= {target["datasource"]["uid"] for panel in panels(board) for target in panel["targets"]}
    assert used == {"${datasource}"}


def test_it_shows_what_was_asked_for(board):
    titles = {panel["title"] for panel in board["panels"]}
    assert {"Latency", "Success rate", "Queue depth", "Error types", "Budget burn-down"} <= titles
    for panel in panels(board):
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) >= 1


@pytest.mark.django_db
def test_every_metric_it_asks_for_is_one_of_ours(board):
    from opsportal import clock

    known = set()
    for family in metrics.families(None, clock.now()):
        known |= {family.name, *(f"{family.name}_{suffix}" for suffix in ("total", "bucket", "sum", "count", "info"))}
    asked = {name for text in expressions(board) for name in re.findall(r"opsportal_[a-z_]+", text)}
    assert asked <= known


def test_it_is_written_to_standard_output_too(capsys):
    call_command("grafana_dashboard", stdout=io.StringIO())
    assert json.loads(capsys.readouterr().out) == dashboard()


@needs_promtool
def test_promtool_reads_every_expression(board, tmp_path: Path):
    rules = [
        {"record": f"try:panel:{number}", "expr": text.replace("$automation", "lead-router")}
        for number, text in enumerate(expressions(board))
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    said: subprocess.CompletedProcess[str] = promtool("check", "rules", str(path))
    assert said.returncode == 0, said.stdout + said.stderr
