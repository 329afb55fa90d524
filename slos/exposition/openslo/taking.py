"""An OpenSLO SLO read as ours: one for each objective; a composite where objectives have indicators of their own.

Pure: documents in, documents out. What we cannot express is kept whole beside what we can (`Taken.keep`).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.text import slugify

from slos.exposition.openslo import windows
from slos.exposition.openslo.checking import unknown_keys
from slos.exposition.openslo.reading import Document, Source, objects_in
from slos.exposition.openslo.versions import as_v1
from slos.objectives.thresholds import plain

OWN = "opsportal"  # the type of a metric source that is ours: its spec says exactly what is measured
MILLISECONDS = re.compile(r"(?i)(?<![a-z])(?:ms|milliseconds?)(?![a-z])|msec|[a-z]Ms\b|_ms\b")
SECONDS = re.compile(r"(?i)seconds?|_s\b|\bsec\b")
NAMED = ("Service", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource")
REFERENCES = {
    "service": "Service",
    "indicatorRef": "SLI",
    "alertPolicyRef": "AlertPolicy",
    "conditionRef": "AlertCondition",
    "targetRef": "AlertNotificationTarget",
    "metricSourceRef": "DataSource",
}


@dataclass(slots=True)
class Taken:
    """One of our SLOs: its slug, its definition as the API writes it, what is kept so that nothing is lost."""

    slug: str
    document: Document
    keep: Document
    parts: list["Taken"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Around:
    """What else the files hold, by kind and name (v1), and which automations there are."""

    objects: Mapping[tuple[str, str], Document]
    automations: Collection[str]
    fallback: str = ""


def take(source: Source, around: Around) -> list[Taken]:
    """Our SLOs for one of theirs; none, with a note, where it promises nothing we could measure."""
    body, carried = as_v1(source)
    spec = body["spec"]
    objectives = objects_in(spec.get("objectives"))
    if not objectives:
        source.note("spec.objectives", "promises nothing; not imported.", refused=True)
        return []
    note_unknown(source, body)
    kept = {"document": body, "attached": [*carried, *_attached(source, body, around)], "version": source.version}
    shared = _shared(source, spec, around)
    if shared is None:
        return []
    if spec.get("alertPolicies"):
        source.note("spec.alertPolicies", "kept; alerts follow from window and target (slos.objectives.thresholds).")
    if any("indicator" in one or "indicatorRef" in one for one in objectives):
        return _composite(source, objectives, shared, kept, around)
    indicator = _indicator(source, spec, "spec", around)
    taken = [
        _single(source, one, number, {**shared}, indicator, slug_of(source, source.name, number))
        for number, one in enumerate(objectives)
    ]
    found = [one for one in taken if one is not None]
    if len(found) > 1:
        source.note(
            "spec.objectives", f"are {len(found)}; each is an SLO here: {', '.join(one.slug for one in found)}."
        )
    return _keep(found, kept)


def note_unknown(source: Source, body: Document) -> None:
    """A misspelt key would else be a promise that nobody keeps."""
    for path in unknown_keys(body):
        source.note(path, "is no key of OpenSLO; kept, and not followed.")


def slug_of(source: Source, name: str, number: int = 0) -> str:
    slug = slugify(re.sub(r"[._/|\\]+", "-", name.lower()))[:76].strip("-") or "slo"
    if slug != name and not number:
        source.note("metadata.name", f"{name[:80]!r} becomes the slug {slug}.")
    return f"{slug}-{number + 1}" if number else slug


# --- an SLO ---


def _shared(source: Source, spec: Document, around: Around) -> Document | None:
    """What all objectives of an SLO have in common."""
    own = _own_spec(spec.get("indicator"))
    name = source.body["metadata"].get("displayName") or source.name
    automation = own.get("automation") or str(spec.get("service") or "")
    parts_are_ours = any(_own_spec(one.get("indicator")) for one in objects_in(spec.get("objectives")))
    needs_one = own.get("automation") or not (own or parts_are_ours)
    if automation not in around.automations and needs_one:
        if not around.fallback:
            source.note("spec.service", f"there is no automation “{automation[:60]}”; not imported.", refused=True)
            return None
        source.note("spec.service", f"there is no automation “{automation[:60]}”; taken for {around.fallback}.")
        automation = around.fallback
    method = spec.get("budgetingMethod", "Occurrences")
    if method == "RatioTimeslices":
        source.note("spec.budgetingMethod", "RatioTimeslices averages slices; kept, and counted by occurrences.")
    elif method not in ("Occurrences", "Timeslices"):
        source.note("spec.budgetingMethod", f"{str(method)[:40]!r} is taken as Occurrences.")
    return {
        "name": str(own.get("name") or name)[:120],
        "description": str(own.get("description") or spec.get("description") or "")[:2000],
        "automation": automation if automation in {*around.automations, around.fallback} else None,
        "window": windows.window_of(source, spec),
        "method": "time_slices" if method == "Timeslices" else "occurrences",
    }


def _single(
    source: Source, objective: Document, number: int, shared: Document, indicator: Document, slug: str
) -> Taken | None:
    path = f"spec.objectives[{number}]"
    target = _target(source, objective, path)
    if target is None:
        return None
    name = shared["name"]
    if number and objective.get("displayName"):
        name = f"{name}: {objective['displayName']}"[:120]
    document = {"slug": slug, **shared, "name": name, "target": target, **_kind(source, indicator, objective, path)}
    if document["method"] == "time_slices":
        document |= _slices(source, objective, path)
    if own := _own_of_metric(indicator):
        document |= _as_we_said(own, document, target)
    return Taken(slug, document, {"objective": number})


def _composite(
    source: Source, objectives: list[Document], shared: Document, kept: Document, around: Around
) -> list[Taken]:
    """Each objective is a part; the whole's target is the weighted mean of theirs."""
    parts: list[Taken] = []
    weights: list[Decimal] = []
    whole: Document = {}
    for number, objective in enumerate(objectives):
        indicator = _indicator(source, objective, f"spec.objectives[{number}]", around)
        own = _own_of_metric(indicator)
        whole = own.get("whole") or whole
        slug = str(own.get("slo") or f"{slug_of(source, source.name, 0)[:60]}-part-{number + 1}")
        part = _single(source, objective, number, {**shared}, indicator, slug)
        if part is not None:
            part.document["name"] = f"{shared['name']}: {objective.get('displayName') or number + 1}"[:120]
            parts.append(part)
            weights.append(Decimal(str(objective.get("compositeWeight", 1))))
    if len(parts) < 2:
        source.note("spec.objectives", "a composite of fewer than two that can be read; not imported.", refused=True)
        return []
    targets = [Decimal(part.document["target"]) for part in parts]
    mean = sum((weight * one for weight, one in zip(weights, targets, strict=True)), Decimal()) / sum(weights)
    if whole:
        mean = Decimal(str(whole["target"]))
        shared = {**shared, "window": {**shared["window"], "timezone": whole["timezone"]}}
    elif len(set(targets)) > 1:
        source.note(
            "spec.objectives", f"have targets of their own; the whole is held to the weighted mean, {mean:.4f}."
        )
    slug = slug_of(source, source.name)
    document = {
        **{name: shared[name] for name in ("name", "description", "automation", "window")},
        "slug": slug,
        "kind": "composite",
        "method": "occurrences",
        "target": plain(round(mean, 6)),
        "parts": [{"slo": one.slug, "weight": plain(weight)} for one, weight in zip(parts, weights, strict=True)],
    }
    for part in parts:
        part.keep |= {"of": slug}
    return [Taken(slug, document, kept, parts)]


def _keep(found: list[Taken], kept: Document) -> list[Taken]:
    """The first carries the document; its siblings say whose they are."""
    for one in found[1:]:
        one.keep |= {"of": found[0].slug}
    if found:
        found[0].keep |= kept
    return found


# --- its pieces ---


def _target(source: Source, objective: Document, path: str) -> str | None:
    """In percent, exactly as written."""
    for name, factor in (("target", 100), ("targetPercent", 1)):
        value = objective.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            percent = Decimal(str(value)) * factor
            if 0 < percent < 100:
                exact = round(percent, 6)
                if exact != percent:
                    source.note(f"{path}.{name}", f"{value} has over six decimals of a percent; taken as {exact}%.")
                return plain(exact)
            source.note(f"{path}.{name}", f"{value} leaves no budget or nothing else; not imported.", refused=True)
            return None
    source.note(f"{path}.target", "is missing; not imported.", refused=True)
    return None


def _slices(source: Source, objective: Document, path: str) -> Document:
    seconds = windows.seconds_of(objective.get("timeSliceWindow", "1m"))
    if seconds is None or seconds > 86_400 or 86_400 % seconds:
        source.note(f"{path}.timeSliceWindow", f"{objective.get('timeSliceWindow')!r} divides no day; taken as 1m.")
        seconds = 60
    share = objective.get("timeSliceTarget")
    if not isinstance(share, int | float) or not 0 < share <= 1:
        source.note(f"{path}.timeSliceTarget", "is missing; a slice is good when everything in it is.")
        share = 1
    return {"slice_seconds": seconds, "slice_target": plain(round(Decimal(str(share)) * 100, 6))}


def _kind(source: Source, indicator: Document, objective: Document, path: str) -> Document:
    """A ratio is availability; a threshold is latency where less is better."""
    if "thresholdMetric" not in indicator:
        return {"kind": "availability"}
    operator, value = objective.get("op", "lte"), objective.get("value")
    if operator not in ("lt", "lte") or not isinstance(value, int | float) or value <= 0:
        said = f"{operator} {value}"
        source.note(f"{path}.value", f"{said}: we measure “at most so long”; kept, and runs count as they end.")
        return {"kind": "availability"}
    unit = _unit(source, indicator, path)
    seconds = Decimal(str(value)) * unit
    return {"kind": "latency", "threshold_seconds": plain(max(Decimal("0.001"), round(seconds, 3)))}


def _unit(source: Source, indicator: Document, path: str) -> Decimal:
    """OpenSLO's thresholds have no unit: the query tells it, or it is taken as seconds."""
    told = str(indicator)
    if MILLISECONDS.search(told):
        return Decimal("0.001")
    if not SECONDS.search(told):
        source.note(f"{path}.value", "has no unit; taken as seconds.")
    return Decimal(1)


def _indicator(source: Source, part: Document, path: str, around: Around) -> Document:
    """The spec of an indicator, wherever it stands; empty, with a note, where a reference leads nowhere."""
    if isinstance(inline := part.get("indicator"), dict):
        _note_foreign(source, inline.get("spec"), f"{path}.indicator")
        return dict(inline.get("spec") or {}) if isinstance(inline.get("spec"), dict) else {}
    reference = str(part.get("indicatorRef") or "")
    found = around.objects.get(("SLI", reference))
    if found is None:
        source.note(f"{path}.indicatorRef", f"no SLI “{reference[:80]}” is in these files; runs count as they end.")
        return {}
    _note_foreign(source, found["spec"], f"{path}.indicatorRef")
    return dict(found["spec"])


def _note_foreign(source: Source, spec: Any, path: str) -> None:
    if isinstance(spec, dict) and not _own_of_metric(spec):
        source.note(path, "its queries are kept, and not run: the portal measures the automation's own runs.")
    ratio = spec.get("ratioMetric") if isinstance(spec, dict) else None
    if isinstance(ratio, dict) and "total" in ratio and "counter" not in ratio:
        source.note(f"{path}.spec.ratioMetric.counter", "is missing, and the schema asks for it; comes out as false.")


def _own_spec(indicator: Any) -> Document:
    return _own_of_metric(indicator["spec"]) if isinstance(indicator, dict) and "spec" in indicator else {}


def _own_of_metric(spec: Any) -> Document:
    """What one of our own exports says of what it measures; empty for anybody else's."""
    good = (spec.get("ratioMetric") or {}).get("good") if isinstance(spec, dict) else None
    metric = good.get("metricSource") if isinstance(good, dict) else None
    own = metric.get("spec") if isinstance(metric, dict) and metric.get("type") == OWN else None
    return own if isinstance(own, dict) else {}


def _as_we_said(own: Document, document: Document, target: str) -> Document:
    """Our own words, where an export of ours comes back: they say more than the format can."""
    named = ("kind", "method", "threshold_seconds", "slice_seconds", "slice_target", "violation", "burn_alerts")
    said = {name: own[name] for name in (*named, "heartbeat", "rule", "team", "automation") if name in own}
    window = {**document["window"], "timezone": own.get("timezone", document["window"]["timezone"])}
    if said.get("method") != "time_slices":
        said |= {"slice_seconds": None, "slice_target": None}
    return {**said, "window": window, "target": target}


def _attached(source: Source, body: Document, around: Around) -> list[Document]:
    """The objects it names, and those that they name, so that they come out again with it."""
    found: dict[tuple[str, str], Document] = {}
    waiting: list[Any] = [body]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            waiting += here.values()
            for key, name in here.items():
                pair = (REFERENCES.get(key, ""), name) if isinstance(name, str) else ("", "")
                if pair not in found and (named := around.objects.get(pair)) is not None:
                    found[pair] = named
                    waiting.append(named)
    return [found[pair] for pair in sorted(found, key=lambda one: (NAMED.index(one[0]), one[1]))]
