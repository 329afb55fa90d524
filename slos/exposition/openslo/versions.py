"""v1alpha and v2alpha objects written as v1: nothing is dropped, and what v1 has no place for is said."""

from typing import Any

from slos.exposition.openslo.reading import Document, Source, objects_in

V1 = "openslo/v1"
UNITS = {"Day": "d", "Week": "w", "Month": "M", "Quarter": "Q", "Year": "Y", "Hour": "h", "Minute": "m"}


def as_v1(source: Source) -> tuple[Document, list[Document]]:
    """The object as v1, and objects that it carried inside and v1 names instead (data sources)."""
    body: Document = {**source.body, "apiVersion": V1}
    if source.version == "v1":
        return body, []
    carried: list[Document] = []
    if source.kind == "SLO":
        change = _slo_of_v1alpha if source.version == "v1alpha" else _slo_of_v2alpha
        body["spec"] = change(source, dict(source.body["spec"]), carried)
    elif source.kind == "SLI" and source.version == "v2alpha":
        body["spec"] = _sli(source.name, source.body["spec"], carried)
    return body, carried


# --- v1alpha ---


def _slo_of_v1alpha(source: Source, spec: Document, carried: list[Document]) -> Document:
    windows = spec.pop("timeWindows", None)
    if isinstance(windows, list):
        spec["timeWindow"] = [_window(source, number, one) for number, one in enumerate(windows)]
    indicator = spec.get("indicator")
    if isinstance(indicator, dict) and "spec" not in indicator:
        metrics = {name: _metric(inner) for name, inner in indicator.items()}
        spec["indicator"] = {"metadata": {"name": f"{source.name}-sli"}, "spec": metrics}
    objectives = [dict(one) for one in objects_in(spec.get("objectives"))]
    ratios = [one.pop("ratioMetrics") for one in objectives if isinstance(one.get("ratioMetrics"), dict)]
    if ratios and "indicator" not in spec:
        spec["indicator"] = {"metadata": {"name": f"{source.name}-sli"}, "spec": {"ratioMetric": _ratio(ratios[0])}}
        if any(one != ratios[0] for one in ratios):
            source.note("spec.objectives", "have several ratioMetrics; v1 has one indicator, so the first counts.")
    if spec.get("budgetingMethod") == "Timeslices":
        for number, one in enumerate(objectives):
            if one.setdefault("timeSliceWindow", "1m") == "1m":
                source.note(f"spec.objectives[{number}].timeSliceWindow", "is not part of v1alpha; taken as 1m.")
    return {**spec, "objectives": objectives}


def _window(source: Source, number: int, window: Any) -> Any:
    if not isinstance(window, dict):
        return window
    rest = {name: value for name, value in window.items() if name not in ("unit", "count")}
    unit, count = window.get("unit"), window.get("count", 1)
    if unit == "Second" and isinstance(count, int) and count % 60 == 0:
        unit, count = "Minute", count // 60
    if unit not in UNITS:
        source.note(f"spec.timeWindows[{number}].unit", f"{unit!r} has no place in v1; taken as days.")
    return {"duration": f"{count}{UNITS.get(str(unit), 'd')}", **rest}


def _ratio(metrics: Document) -> Document:
    ratio: Document = {"counter": bool(metrics.get("incremental", False))}
    return ratio | {name: _metric(inner) for name, inner in metrics.items() if name != "incremental"}


def _metric(metric: Any) -> Any:
    """{source, queryType, query} -> {metricSource: {type, spec}}."""
    if not isinstance(metric, dict) or "source" not in metric:
        return metric
    rest = {name: value for name, value in metric.items() if name != "source"}
    return {"metricSource": {"type": metric["source"], "spec": rest}}


# --- v2alpha ---

RENAMED = {"sli": "indicator", "sliRef": "indicatorRef", "serviceRef": "service"}


def _slo_of_v2alpha(source: Source, spec: Document, carried: list[Document]) -> Document:
    changed = _renamed(spec, carried)
    objectives = changed.get("objectives")
    if isinstance(objectives, list):
        changed["objectives"] = [_renamed(one, carried) if isinstance(one, dict) else one for one in objectives]
    return changed


def _renamed(part: Document, carried: list[Document]) -> Document:
    changed = {RENAMED.get(name, name): value for name, value in part.items()}
    indicator = changed.get("indicator")
    if isinstance(indicator, dict) and isinstance(indicator.get("spec"), dict):
        name = str((indicator.get("metadata") or {}).get("name", "sli"))
        changed["indicator"] = {**indicator, "spec": _sli(name, indicator["spec"], carried)}
    return changed


def _sli(name: str, spec: Document, carried: list[Document]) -> Document:
    changed = dict(spec)
    if isinstance(spec.get("thresholdMetric"), dict):
        changed["thresholdMetric"] = _source_of(name, spec["thresholdMetric"], carried)
    if isinstance(spec.get("ratioMetric"), dict):
        changed["ratioMetric"] = {
            key: _source_of(name, inner, carried) if isinstance(inner, dict) else inner
            for key, inner in spec["ratioMetric"].items()
        }
    return changed


def _source_of(name: str, metric: Document, carried: list[Document]) -> Document:
    """{dataSourceRef | dataSourceSpec, spec} -> {metricSource: {metricSourceRef, spec}}; an inline data source becomes
    an object of its own.
    """
    if "metricSource" in metric:
        return metric
    source: Document = {"spec": metric.get("spec", {})}
    if isinstance(inline := metric.get("dataSourceSpec"), dict):
        known = next((one for one in carried if one["spec"] == inline), None)
        if known is None:
            suffix = f"-{len(carried) + 1}" if carried else ""
            metadata = {"name": f"{name}-source{suffix}"}
            known = {"apiVersion": V1, "kind": "DataSource", "metadata": metadata, "spec": inline}
            carried.append(known)
        source = {"metricSourceRef": known["metadata"]["name"], "type": inline.get("type", ""), **source}
    elif "dataSourceRef" in metric:
        source = {"metricSourceRef": metric["dataSourceRef"], **source}
    rest = {key: value for key, value in metric.items() if key not in ("dataSourceRef", "dataSourceSpec", "spec")}
    return {"metricSource": source, **rest}
