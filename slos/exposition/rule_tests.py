"""Unit tests of the generated rules, as `promtool test rules` runs them: a burn that must fire, one that must not."""

from decimal import Decimal
from typing import Any

from slos.exposition.rules import SEVERITY, Naming, alert_annotations, alert_labels, alert_name, budget_of
from slos.models import Slo
from slos.objectives import thresholds
from slos.states import SliKind

Document = dict[str, Any]
CALM_MINUTES = 360
PER_MINUTE = 1_000  # valid events a minute: enough that a share of them is a whole number
MARGIN = Decimal("1.3")


def tests_file(slos: list[Slo], rules_path: str, *, naming: str) -> Document:
    """The document promtool reads. SLOs whose every threshold was left out have nothing to fire."""
    tests = [
        test
        for slo in slos
        if slo.kind != SliKind.COMPOSITE and thresholds.of(slo).alerts
        for test in (_burning(Naming(naming, slo)), _calm(Naming(naming, slo)))
    ]
    return {"rule_files": [rules_path], "evaluation_interval": "5m", "tests": tests}


def _burning(one: Naming) -> Document:
    """Bad events at 1.3 times the fastest rate for as long as its long window, after the same time of calm."""
    alert = max(thresholds.of(one.slo).alerts, key=lambda each: each.burn)
    minutes = alert.long_seconds // 60
    bad = min(PER_MINUTE, int(alert.burn * budget_of(one.slo) * MARGIN * PER_MINUTE) + 1)
    series = [
        _series("opsportal_slo_valid_total", one, f"0+{PER_MINUTE}x{2 * minutes}"),
        _series("opsportal_slo_bad_total", one, f"0+0x{minutes} {bad}+{bad}x{minutes - 1}"),
    ]
    return {
        "name": f"{one.slo.slug} fires when it burns",
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [_expected(one, 2 * minutes, alert.severity, fires=True)],
    }


def _calm(one: Naming) -> Document:
    """Bad events at half the budget, steadily: whatever the window, the rate is the same, and nothing fires."""
    alerts = thresholds.of(one.slo).alerts
    minutes = CALM_MINUTES
    slowest = min(alert.burn for alert in alerts)
    share = min(Decimal(1), slowest) * budget_of(one.slo) / 2
    every = max(1, int(1 / (share * PER_MINUTE))) if share * PER_MINUTE < 1 else 1
    bad = max(1, int(share * PER_MINUTE))
    steps = " ".join(f"{number * bad}+0x{every - 1}" for number in range(minutes // every + 1))
    values = f"0+{bad}x{minutes}" if every == 1 else steps
    return {
        "name": f"{one.slo.slug} keeps quiet within its budget",
        "interval": "1m",
        "input_series": [
            _series("opsportal_slo_valid_total", one, f"0+{PER_MINUTE}x{minutes}"),
            _series("opsportal_slo_bad_total", one, values),
        ],
        "alert_rule_test": [_expected(one, minutes, severity, fires=False) for severity in SEVERITY],
    }


def _series(name: str, one: Naming, values: str) -> Document:
    told = {key: value for key, value in one.labels.items() if not key.startswith("sloth")}
    labels = ",".join(f'{key}="{value}"' for key, value in told.items())
    return {"series": f"{name}{{{labels}}}", "values": values}


def _expected(one: Naming, minutes: int, severity: str, *, fires: bool) -> Document:
    expected = {"exp_labels": alert_labels(one, severity), "exp_annotations": alert_annotations(one, severity)}
    return {
        "eval_time": f"{minutes}m",
        "alertname": alert_name(one.slo, severity),
        "exp_alerts": [expected] if fires else [],
    }
