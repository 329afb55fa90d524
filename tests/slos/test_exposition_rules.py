"""Generated Prometheus rules: promtool takes them, and its unit tests fire and keep quiet as they must."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from slos.exposition import rules
from slos.models import Slo
from tests.factories.budgets import weekly_downtime
from tests.factories.catalog import make_automation
from tests.factories.objectives import make_slo
from tests.slos.promtool import needs_promtool, promtool

pytestmark = pytest.mark.django_db


@pytest.fixture
def slos() -> None:
    router = make_automation("lead-router", tier="P0")
    weekly_downtime(router, slug="lead-router-uptime")
    make_slo("order-to-ship", automation=router, target="99.5", window={"kind": "rolling", "days": 28})
    make_slo("loose", automation=router, target="90", window={"kind": "calendar", "unit": "month"})
    make_slo("exact", automation=router, target="99.999", name='Quotes " and {{ $value }}')


def written(tmp_path: Path, *arguments: str) -> tuple[Path, Path]:
    output, tests = tmp_path / "rules.yml", tmp_path / "tests.yml"
    call_command("prometheus_rules", *arguments, "--output", str(output), "--tests", str(tests))
    return output, tests


def named(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [rule for group in document["groups"] for rule in group["rules"] if key in rule]


@needs_promtool
@pytest.mark.parametrize("naming", ["own", "sloth"])
def test_promtool_takes_the_rules_and_their_tests(slos, tmp_path: Path, naming: str):
    output, tests = written(tmp_path, "--naming", naming)
    checked = promtool("check", "rules", str(output))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS" in checked.stdout
    tested = promtool("test", "rules", str(tests))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert len(yaml.safe_load(tests.read_text())["tests"]) == 8


@needs_promtool
def test_the_unit_tests_notice_a_threshold_that_is_wrong(slos, tmp_path: Path):
    output, tests = written(tmp_path, "order-to-ship")
    document = yaml.safe_load(output.read_text())
    for rule in named(document, "alert"):
        rule["expr"] = rule["expr"].replace(">= 0.0", ">= 0.9")
    output.write_text(yaml.safe_dump(document))
    assert promtool("test", "rules", str(tests)).returncode != 0


def test_a_weekly_slo_has_the_weeks_thresholds(slos, tmp_path: Path):
    output, _ = written(tmp_path, "lead-router-uptime")
    page, ticket = named(yaml.safe_load(output.read_text()), "alert")
    # 16.8, 5.6 and 2.8 times a budget of 0.5%
    assert ">= 0.084" in page["expr"]
    assert ">= 0.028" in page["expr"]
    assert ">= 0.014" in ticket["expr"]
    assert page["labels"]["severity"] == "page"
    assert "increase(opsportal_slo_bad_total" not in page["expr"]  # seconds, not events


def test_an_alert_leads_to_the_portal_and_to_the_runbook(slos, tmp_path: Path, settings):
    settings.BASE_URL = "https://ops.test"
    (slo,) = Slo.objects.filter(slug="lead-router-uptime").select_related("automation")
    output, _ = written(tmp_path, "lead-router-uptime")
    (without, _) = named(yaml.safe_load(output.read_text()), "alert")
    assert "runbook_url" not in without["annotations"]
    slo.automation.links = [{"kind": "runbook", "label": "Runbook", "url": "https://wiki.test/lead-router"}]
    slo.automation.save()
    output, _ = written(tmp_path, "lead-router-uptime")
    page, _ = named(yaml.safe_load(output.read_text()), "alert")
    assert page["annotations"]["dashboard_url"] == "https://ops.test/slos/lead-router-uptime/"
    assert page["annotations"]["runbook_url"] == "https://wiki.test/lead-router"


def test_events_need_two_that_are_bad(slos, tmp_path: Path):
    output, _ = written(tmp_path, "order-to-ship")
    for rule in named(yaml.safe_load(output.read_text()), "alert"):
        assert "increase(opsportal_slo_bad_total" in rule["expr"]


def test_sloths_names_and_labels_are_sloths(slos, tmp_path: Path):
    output, _ = written(tmp_path, "order-to-ship", "--naming", "sloth")
    records = named(yaml.safe_load(output.read_text()), "record")
    assert {rule["record"] for rule in records} == {
        *(f"slo:sli_error:ratio_rate{width}" for width in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "28d")),
        *("slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days", "slo:current_burn_rate:ratio"),
        *("slo:period_burn_rate:ratio", "slo:period_error_budget_remaining:ratio", "sloth_slo_info"),
    }
    labels = records[0]["labels"]
    assert (labels["sloth_id"], labels["sloth_service"], labels["sloth_slo"]) == (
        "lead-router-order-to-ship",
        "lead-router",
        "order-to-ship",
    )


def test_what_cannot_fire_is_left_out_and_said(slos, tmp_path: Path, capsys):
    written(tmp_path, "loose")
    assert "loose: Left out: burn 14.4" in capsys.readouterr().err


def test_a_composite_is_left_out_and_said(slos, tmp_path: Path, capsys):
    parts = [{"slo": "order-to-ship", "weight": "2"}, {"slo": "loose", "weight": "1"}]
    make_slo("both", kind="composite", parts=parts, automation=None)
    output, _ = written(tmp_path)
    assert "both: a composite" in capsys.readouterr().err
    assert "both" not in output.read_text()


def test_an_unknown_slo_and_none_at_all_end_with_two(tmp_path: Path):
    for arguments in ([], ["missing"]):
        with pytest.raises(CommandError) as refused:
            call_command("prometheus_rules", *arguments)
        assert refused.value.returncode == 2


def test_spans_are_written_as_prometheus_reads_them():
    assert [rules.span(seconds) for seconds in (300, 3_600, 5_400, 86_400, 604_800, 45)] == [
        *("5m", "1h", "90m", "1d", "7d", "45s"),
    ]
