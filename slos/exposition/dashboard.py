"""A Grafana dashboard on top of /metrics, as the JSON that Grafana imports: one automation at a time, or all."""

from typing import Any

Panel = dict[str, Any]
SCHEMA_VERSION = 39  # Grafana 11; later ones migrate it when it is opened
UID = "opsportal-automations"
WIDTH = 24
AUTOMATION = 'automation=~"$automation"'
Steps = list[tuple[str, float | None]]
LIMITS: dict[str, Steps] = {
    "budget": [("red", None), ("orange", 0.0001), ("green", 0.25)],
    "ratio": [("red", None), ("orange", 0.95), ("green", 0.99)],
    "burn": [("green", None), ("orange", 1), ("red", 2)],
    "zero": [("green", None), ("red", 1)],
}
STEPS = {name: [{"color": color, "value": value} for color, value in steps] for name, steps in LIMITS.items()}
# Title, kind, unit, thresholds, width, height, what it shows, [(expression, legend)].
PANELS: list[tuple[str, str, str, str, int, int, str, list[tuple[str, str]]]] = [
    ("At a glance", "row", "", "", WIDTH, 1, "", []),
    (
        *("Success rate, 1 day", "stat", "percentunit", "ratio", 6, 5),
        "Runs that ended well among those that were not cancelled.",
        [
            (
                f'sum(increase(opsportal_runs_total{{{AUTOMATION}, status="succeeded"}}[1d])) / '
                f'sum(increase(opsportal_runs_total{{{AUTOMATION}, status=~"succeeded|failed"}}[1d]))',
                "",
            )
        ],
    ),
    (
        *("Least budget remaining", "stat", "percentunit", "budget", 6, 5),
        "Of all SLOs shown; below zero: overspent.",
        [(f"min(opsportal_slo_budget_remaining_ratio{{{AUTOMATION}}})", "")],
    ),
    (
        *("Heartbeats down", "stat", "none", "zero", 6, 5),
        "Heartbeats whose sign of life is missing.",
        [(f"sum(opsportal_heartbeat_up{{{AUTOMATION}}} == bool 0) or vector(0)", "")],
    ),
    (
        *("Frozen", "stat", "none", "zero", 6, 5),
        "Automations for which a freeze holds changes back.",
        [(f"sum(opsportal_freeze_active{{{AUTOMATION}}})", "")],
    ),
    ("Runs", "row", "", "", WIDTH, 1, "", []),
    (
        *("Runs by outcome", "timeseries", "short", "", 12, 8),
        "Runs that ended in each quarter of an hour.",
        [(f"sum by (status) (increase(opsportal_runs_total{{{AUTOMATION}}}[15m]))", "{{status}}")],
    ),
    (
        *("Success rate", "timeseries", "percentunit", "ratio", 12, 8),
        "Over an hour, by automation.",
        [
            (
                f'sum by (automation) (increase(opsportal_runs_total{{{AUTOMATION}, status="succeeded"}}[1h])) / '
                f'sum by (automation) (increase(opsportal_runs_total{{{AUTOMATION}, status=~"succeeded|failed"}}[1h]))',
                "{{automation}}",
            )
        ],
    ),
    (
        *("Latency", "timeseries", "s", "", 12, 8),
        "How long runs took: half of them, and 95 of a hundred, took at most so long.",
        [
            (
                f"histogram_quantile({share}, sum by (le) "
                f"(increase(opsportal_run_duration_seconds_bucket{{{AUTOMATION}}}[1h])))",
                name,
            )
            for share, name in (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))
        ],
    ),
    (
        *("Error types", "timeseries", "short", "", 12, 8),
        "Failed runs by error class, in each hour.",
        [(f"sum by (error_type) (increase(opsportal_run_errors_total{{{AUTOMATION}}}[1h]))", "{{error_type}}")],
    ),
    (
        *("Queue depth", "timeseries", "short", "", 12, 8),
        "What waits before an automation, and runs that have not ended.",
        [
            (f"sum by (automation) (opsportal_queue_depth{{{AUTOMATION}}})", "{{automation}} waiting"),
            (f"sum by (automation) (opsportal_runs_running{{{AUTOMATION}}})", "{{automation}} running"),
        ],
    ),
    (
        *("Retries and compensations", "timeseries", "short", "", 12, 8),
        "In each hour.",
        [
            (f"sum(increase(opsportal_run_retries_total{{{AUTOMATION}}}[1h]))", "retries"),
            (f"sum(increase(opsportal_runs_compensated_total{{{AUTOMATION}}}[1h]))", "compensated"),
            (f"sum(increase(opsportal_run_interventions_total{{{AUTOMATION}}}[1h]))", "by hand"),
        ],
    ),
    ("Error budgets", "row", "", "", WIDTH, 1, "", []),
    (
        *("Budget burn-down", "timeseries", "percentunit", "budget", 12, 9),
        "What remains of each budget; below zero: overspent.",
        [(f"opsportal_slo_budget_remaining_ratio{{{AUTOMATION}}}", "{{slo}}")],
    ),
    (
        *("Burn rate, 1 hour", "timeseries", "none", "burn", 12, 9),
        "1 spends the budget in exactly one window.",
        [(f'opsportal_slo_burn_rate{{{AUTOMATION}, window="1h"}}', "{{slo}}")],
    ),
    ("The portal itself", "row", "", "", WIDTH, 1, "", []),
    (
        *("Age of sweeps", "timeseries", "s", "", 12, 7),
        "Since each sweep last went well.",
        [("opsportal_sweep_age_seconds", "{{sweep}}")],
    ),
    (
        *("What waits", "timeseries", "short", "", 12, 7),
        "Messages, facts nobody has claimed, minutes to be added up.",
        [
            ("opsportal_outbox_waiting", "outbox"),
            ("sum(opsportal_facts_unclaimed)", "facts"),
            ("opsportal_rollups_waiting", "minutes"),
        ],
    ),
]


def dashboard() -> dict[str, Any]:
    """Its datasource is asked for when it is imported; nothing of it names a server."""
    return {
        "uid": UID,
        "title": "Automations",
        "description": "Latency, success, queue, errors and error budgets of the automations in opsportal.",
        "tags": ["opsportal"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _automation()]},
        "annotations": {"list": []},
        "links": [],
        "panels": _placed(),
    }


def _placed() -> list[Panel]:
    """From left to right, then down; no two overlap."""
    panels, x, y, row_height = [], 0, 0, 0
    for number, (title, kind, unit, steps, width, height, text, targets) in enumerate(PANELS, start=1):
        if x + width > WIDTH:
            x, y, row_height = 0, y + row_height, 0
        place = {"x": x, "y": y, "w": width, "h": height}
        panels.append(_panel(number, title, kind, unit, steps, text, targets, place))
        x, row_height = x + width, max(row_height, height)
    return panels


def _panel(
    number: int,
    title: str,
    kind: str,
    unit: str,
    steps: str,
    text: str,
    targets: list[tuple[str, str]],
    place: dict[str, int],
) -> Panel:
    panel: Panel = {"id": number, "title": title, "type": kind, "gridPos": place}
    if kind == "row":
        return {**panel, "collapsed": False, "panels": []}
    defaults: dict[str, Any] = {"unit": unit}
    if steps:
        defaults |= {"thresholds": {"mode": "absolute", "steps": STEPS[steps]}}
        defaults["color"] = {"mode": "thresholds" if kind == "stat" else "palette-classic"}
    return {
        **panel,
        "description": text,
        "datasource": _from(),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(kind),
        "targets": [
            {"refId": letter, "datasource": _from(), "expr": expression, "legendFormat": legend or "__auto"}
            for letter, (expression, legend) in zip("ABC", targets, strict=False)
        ],
    }


def _options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduce, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _from() -> dict[str, str]:
    return {"type": "prometheus", "uid": "${datasource}"}


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _automation() -> dict[str, Any]:
    query = "label_values(opsportal_automation_info, automation)"
    return {
        "name": "automation",
        "label": "Automation",
        "type": "query",
        "datasource": _from(),
        "query": {"query": query, "refId": "automation"},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
    }
