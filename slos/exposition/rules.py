"""Recording and alert rules for Prometheus on top of /metrics, in own names and in Sloth's, and unit tests of them.

Thresholds are those by which the portal alarms itself (slos.objectives.thresholds). Rates come from the counters
opsportal_slo_valid and _bad, which grow once a minute. Sloth's names and labels: github.com/slok/sloth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from slos.exposition.metrics import labels_of
from slos.models import Slo
from slos.objectives import thresholds
from slos.objectives.thresholds import BurnAlert, plain, window_days_of
from slos.states import SliKind, SliMethod

Document = dict[str, Any]
OWN, SLOTH = "own", "sloth"
ERROR_RATIO = {OWN: "opsportal:slo_error:ratio_rate{}", SLOTH: "slo:sli_error:ratio_rate{}"}
# Windows that dashboards made for Sloth expect, whatever the alerts look at.
USUAL = (300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200)
SEVERITY = {thresholds.PAGE: "page", thresholds.TICKET: "ticket"}
# Counters move by whole events, and increase() extrapolates: more than one and a half means two.
TWO_EVENTS = "1.5"


@dataclass(frozen=True, slots=True)
class Naming:
    """The names and labels of one SLO in one naming."""

    style: str
    slo: Slo

    @property
    def labels(self) -> dict[str, str]:
        slug, automation, tier = labels_of(self.slo)
        own = {"slo": slug, "automation": automation, "tier": tier}
        if self.style == OWN:
            return own
        service = automation or "opsportal"
        return {"sloth_id": f"{service}-{slug}", "sloth_service": service, "sloth_slo": slug, **own}

    @property
    def selector(self) -> str:
        names = ("slo",) if self.style == OWN else ("sloth_id", "sloth_service", "sloth_slo")
        return ", ".join(f'{name}="{self.labels[name]}"' for name in names)

    @property
    def counted(self) -> str:
        """The selector of our own counters."""
        return f'slo="{self.slo.slug}"'

    def error(self, seconds: int) -> str:
        return f"{ERROR_RATIO[self.style].format(span(seconds))}{{{self.selector}}}"

    @property
    def window_label(self) -> str:
        return "window" if self.style == OWN else "sloth_window"


def rules_file(slos: Iterable[Slo], *, naming: str = OWN) -> Document:
    """The document Prometheus loads; composites are left out, which have no events of their own."""
    groups = []
    for slo in slos:
        if slo.kind != SliKind.COMPOSITE:
            one = Naming(naming, slo)
            groups += [_sli_group(one), _meta_group(one), *_alert_groups(one)]
    return {"groups": groups}


def left_out(slos: Iterable[Slo]) -> list[str]:
    """What is not in the file, a sentence each."""
    notices = []
    for slo in slos:
        if slo.kind == SliKind.COMPOSITE:
            notices.append(f"{slo.slug}: a composite has no events of its own; see opsportal_slo_burn_rate.")
        else:
            notices += [f"{slo.slug}: {notice}" for notice in thresholds.of(slo).notices]
    return notices


def span(seconds: int) -> str:
    """Prometheus's way of writing a length: 5m, 1h, 3d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def budget_of(slo: Slo) -> Decimal:
    return 1 - slo.target / 100


def counts_events(slo: Slo) -> bool:
    return slo.method == SliMethod.OCCURRENCES


# --- groups ---


def _sli_group(one: Naming) -> Document:
    days = window_days_of(one.slo.window_kind, one.slo.window_days, one.slo.window_unit)
    widths = sorted({*USUAL, *thresholds.widths([one.slo])})
    rules = [_ratio(one, width) for width in widths if width < days * 86_400]
    return {"name": _group(one, "sli"), "rules": [*rules, _whole_window(one, days)]}


def _ratio(one: Naming, seconds: int) -> Document:
    counted, width = one.counted, span(seconds)
    expression = (
        f"sum(increase(opsportal_slo_bad_total{{{counted}}}[{width}]))\n/\n"
        f"(sum(increase(opsportal_slo_valid_total{{{counted}}}[{width}])) > 0)"
    )
    labels = {**one.labels, one.window_label: width}
    return {"record": ERROR_RATIO[one.style].format(width), "expr": expression, "labels": labels}


def _whole_window(one: Naming, days: int) -> Document:
    """Pooled counts in our own naming; Sloth's is the mean of five-minute ratios, as its dashboards expect."""
    if one.style == OWN:
        return _ratio(one, days * 86_400)
    short = one.error(300)
    expression = f"sum_over_time({short}[{days}d])\n/ ignoring (sloth_window)\ncount_over_time({short}[{days}d])"
    labels = {**one.labels, "sloth_window": f"{days}d"}
    return {"record": ERROR_RATIO[SLOTH].format(f"{days}d"), "expr": expression, "labels": labels}


def _meta_group(one: Naming) -> Document:
    budget, days = budget_of(one.slo), window_days_of(one.slo.window_kind, one.slo.window_days, one.slo.window_unit)
    target = plain(one.slo.target / 100)
    if one.style == OWN:
        rules = [
            ("opsportal:slo_objective:ratio", f"vector({target})"),
            ("opsportal:slo_error_budget:ratio", f"vector({plain(budget)})"),
            ("opsportal:slo_burn_rate:ratio", f"{one.error(3_600)} / {plain(budget)}"),
            (
                "opsportal:slo_error_budget_remaining:ratio",
                f"max by (slo) (opsportal_slo_budget_remaining_ratio{{{one.counted}}})",
            ),
        ]
    else:
        rules = _sloth_meta(one, target, plain(budget), days)
    documents = [{"record": name, "expr": expression, "labels": one.labels} for name, expression in rules]
    if one.style == SLOTH:
        documents[-1]["labels"] = {**one.labels, "sloth_mode": "opsportal", "sloth_spec": "opsportal/v1"}
    return {"name": _group(one, "meta"), "rules": documents}


def _sloth_meta(one: Naming, target: str, budget: str, days: int) -> list[tuple[str, str]]:
    on = "on(sloth_id, sloth_slo, sloth_service) group_left"
    of = f"{{{one.selector}}}"
    return [
        ("slo:objective:ratio", f"vector({target})"),
        ("slo:error_budget:ratio", f"vector({budget})"),
        ("slo:time_period:days", f"vector({days})"),
        ("slo:current_burn_rate:ratio", f"{one.error(300)}\n/ {on}\nslo:error_budget:ratio{of}"),
        ("slo:period_burn_rate:ratio", f"{one.error(days * 86_400)}\n/ {on}\nslo:error_budget:ratio{of}"),
        ("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{of}"),
        ("sloth_slo_info", "vector(1)"),
    ]


def _alert_groups(one: Naming) -> list[Document]:
    alerts = thresholds.of(one.slo).alerts
    rules = [
        _alert(one, severity, [alert for alert in alerts if alert.severity == severity])
        for severity in SEVERITY
        if any(alert.severity == severity for alert in alerts)
    ]
    return [{"name": _group(one, "alerts"), "rules": rules}] if rules else []


def alert_name(slo: Slo, severity: str) -> str:
    return "".join(part.capitalize() for part in slo.slug.split("-")) + "BudgetBurn" + SEVERITY[severity].capitalize()


def alert_labels(one: Naming, severity: str) -> dict[str, str]:
    told = {"severity": SEVERITY[severity], **one.labels}
    return {**told, "sloth_severity": SEVERITY[severity]} if one.style == SLOTH else told


def alert_annotations(one: Naming, severity: str) -> dict[str, str]:
    """What happens, and where to go on from there: the page of the SLO, and the runbook that the catalogue names."""
    alerts = [alert for alert in thresholds.of(one.slo).alerts if alert.severity == severity]
    links = one.slo.automation.links if one.slo.automation else []
    runbook = next((link["url"] for link in links if link.get("kind") == "runbook"), "")
    return {
        "summary": f"{one.slo.name} spends its error budget too fast.",
        "description": f"Fires at {'; or at '.join(alert.in_words for alert in alerts)}, as the portal itself does.",
        "dashboard_url": f"{settings.BASE_URL}{one.slo.get_absolute_url()}",
        **({"runbook_url": runbook} if runbook else {}),
    }


def _alert(one: Naming, severity: str, alerts: Sequence[BurnAlert]) -> Document:
    return {
        "alert": alert_name(one.slo, severity),
        "expr": "\nor\n".join(_condition(one, alert) for alert in alerts),
        "labels": alert_labels(one, severity),
        "annotations": _literal(alert_annotations(one, severity)),
    }


def _literal(texts: dict[str, str]) -> dict[str, str]:
    """A name with braces in it is no template of Prometheus's."""
    return {name: text.replace("{{", "{{ `{{` }}") for name, text in texts.items()}


def _condition(one: Naming, alert: BurnAlert) -> str:
    """Long and short window both at or above the rate; where events are counted, at least two of them bad."""
    limit = plain(alert.burn * budget_of(one.slo))
    without = f"without ({one.window_label})"
    widths = (alert.short_seconds, alert.long_seconds)
    parts = [f"(max {without} ({one.error(seconds)}) >= {limit})" for seconds in widths]
    if counts_events(one.slo):
        bad = f"sum(increase(opsportal_slo_bad_total{{{one.counted}}}[{span(alert.long_seconds)}]))"
        parts.append(f"on() ({bad} >= {TWO_EVENTS})")
    return "(\n  " + "\n  and ".join(parts) + "\n)"


def _group(one: Naming, part: str) -> str:
    prefix = "opsportal" if one.style == OWN else "sloth-slo"
    return f"{prefix}-{part}-{one.slo.slug}"
