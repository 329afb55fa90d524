"""Our SLOs as OpenSLO v1: what came from OpenSLO comes out as it came, with what has been changed here since."""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from slos.exposition.openslo import windows
from slos.exposition.openslo.checking import LONGEST_DESCRIPTION, LONGEST_DISPLAY_NAME, Fault, faults_of
from slos.exposition.openslo.reading import Document, objects_in
from slos.exposition.openslo.taking import OWN
from slos.models import Slo
from slos.objectives.document import to_document

METHODS = {"occurrences": "Occurrences", "time_slices": "Timeslices", "downtime": "Timeslices"}
DEFINING = ("kind", "method", "heartbeat", "rule", "team", "threshold_seconds", "burn_alerts")
MINUTE = 60


def objects_of(slos: Iterable[Slo]) -> list[Document]:
    """Every object to be written, each once: what SLOs name first, then the SLOs."""
    wanted = list({slo.pk: slo for slo in slos}.values())
    family = _families(wanted)
    attached: dict[tuple[str, str], Document] = {}
    found: list[Document] = []
    for slo in wanted:
        keep = slo.openslo or {}
        if keep.get("of") in {one.slug for one in wanted}:
            continue  # it is an objective of one that is written
        for one in keep.get("attached", []):
            attached.setdefault((one["kind"], one["metadata"]["name"]), copy.deepcopy(one))
        found.append(_kept(slo, family.get(slo.slug, [])) if "document" in keep else own_object(slo))
    return [_with_counters(one) for one in (*attached.values(), *found)]


def refused(objects: Iterable[Document]) -> list[tuple[Document, list[Fault]]]:
    """Those that the specification does not allow, with everything that is wrong."""
    return [(one, faults) for one in objects if (faults := faults_of(one))]


def _with_counters(body: Document) -> Document:
    """Ratios say whether they count up: the schema asks for it, and the reference checker reads nothing as false."""
    spec = body["spec"]
    parts = [spec, *objects_in(spec.get("objectives"))]
    for metrics in [spec, *(one["indicator"].get("spec") for one in parts if isinstance(one.get("indicator"), dict))]:
        ratio = metrics.get("ratioMetric") if isinstance(metrics, dict) else None
        if isinstance(ratio, dict) and "total" in ratio:
            ratio.setdefault("counter", False)
    return body


def said_of(slo: Slo) -> Document:
    """The definition, by which a later export sees what was changed here."""
    return {name: value for name, value in to_document(slo).items() if name not in ("slug", "state", "version")}


# --- an object of our own ---


def own_object(slo: Slo) -> Document:
    document = to_document(slo)
    spec: Document = {
        "description": document["description"][:LONGEST_DESCRIPTION],
        "service": document["automation"] or document["team"] or OWN,
        "timeWindow": windows.written(document["window"]),
        "budgetingMethod": METHODS[document["method"]],
    }
    if document["kind"] == "composite":
        rows = slo.parts.select_related("part__automation", "part__heartbeat", "part__rule", "part__team")
        spec["objectives"] = [_part(row.part, row.weight, document) for row in rows]
    else:
        spec["indicator"] = _indicator(slo.slug, document)
        spec["objectives"] = [{"displayName": "Target", **_objective(document)}]
    metadata: Document = {"name": label_of(slo.slug)}
    if document["name"].strip():
        metadata["displayName"] = document["name"].strip()[:LONGEST_DISPLAY_NAME]
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec}


def label_of(slug: str) -> str:
    """A name as OpenSLO allows it: at most 63 characters, no hyphen at the end."""
    if len(slug) <= 63 and not slug.endswith("-"):
        return slug
    return f"{slug[:52].rstrip('-')}-{hashlib.sha256(slug.encode()).hexdigest()[:8]}"


def _indicator(slug: str, document: Document, **more: Any) -> Document:
    said = {name: document[name] for name in DEFINING if document[name] is not None}
    if document["name"].strip() != document["name"].strip()[:LONGEST_DISPLAY_NAME]:
        said["name"] = document["name"]
    if len(document["description"]) > LONGEST_DESCRIPTION:
        said["description"] = document["description"]
    if any(document["violation"].values()):
        said["violation"] = document["violation"]
    if document["method"] == "time_slices":
        said |= {"slice_seconds": document["slice_seconds"], "slice_target": document["slice_target"]}
    if document["automation"]:
        said["automation"] = document["automation"]
    said |= {"timezone": document["window"]["timezone"], **more}
    ratio = {
        "counter": True,
        "good": {"metricSource": {"type": OWN, "spec": {"measure": "good", **said}}},
        "total": {"metricSource": {"type": OWN, "spec": {"measure": "valid"}}},
    }
    return {"metadata": {"name": label_of(f"{slug}-sli")}, "spec": {"ratioMetric": ratio}}


def _part(part: Slo, weight: Decimal, whole: Document) -> Document:
    document = to_document(part)
    # The format has no target for the whole, nor a zone for a rolling window.
    said = {"target": whole["target"], "timezone": whole["window"]["timezone"]}
    return {
        "displayName": part.name[:LONGEST_DISPLAY_NAME],
        **_objective(document),
        "indicator": _indicator(part.slug, document, slo=part.slug, whole=said),
        "compositeWeight": weight,
    }


def _objective(document: Document) -> Document:
    objective: Document = {"target": Decimal(document["target"]) / 100}
    if METHODS[document["method"]] == "Timeslices":
        share = Decimal(document["slice_target"] or 100) / 100
        width = windows.slice_written(document["slice_seconds"] or MINUTE)
        objective |= {"timeSliceTarget": share, "timeSliceWindow": width}
    return objective


# --- an object that came from elsewhere ---


def _families(slos: Iterable[Slo]) -> Mapping[str, list[Slo]]:
    """The SLOs that are objectives of another one's document."""
    first = [slo.slug for slo in slos]
    rows = Slo.objects.filter(openslo__of__in=first).select_related("automation", "heartbeat", "rule", "team")
    family: dict[str, list[Slo]] = {}
    for row in rows:
        family.setdefault((row.openslo or {})["of"], []).append(row)
    return family


def _kept(slo: Slo, siblings: list[Slo]) -> Document:
    keep = slo.openslo or {}
    body: Document = copy.deepcopy(keep["document"])
    spec = body["spec"]
    now, then = said_of(slo), keep.get("said") or {}
    if now["name"] != then.get("name"):
        body["metadata"]["displayName"] = now["name"][:LONGEST_DISPLAY_NAME]
    if now["description"] != then.get("description"):
        spec["description"] = now["description"][:LONGEST_DESCRIPTION]
    if now["automation"] != then.get("automation"):
        spec["service"] = now["automation"] or OWN
    if now["window"] != then.get("window"):
        spec["timeWindow"] = windows.written(now["window"])
    windows.spell_utc(spec.get("timeWindow"))
    if now["method"] != then.get("method"):
        spec["budgetingMethod"] = METHODS[now["method"]]
    spec.setdefault("budgetingMethod", METHODS[now["method"]])
    for one in [slo, *siblings]:
        if now["kind"] != "composite" or one is not slo:
            _update_objective(spec, one)
    if now["kind"] == "composite" and now["parts"] != then.get("parts"):
        weights = {row["slo"]: Decimal(row["weight"]) for row in now["parts"]}
        for sibling in siblings:
            number = (sibling.openslo or {})["objective"]
            if sibling.slug in weights and number < len(spec["objectives"]):
                spec["objectives"][number]["compositeWeight"] = weights[sibling.slug]
    return body


def _update_objective(spec: Document, slo: Slo) -> None:
    """What was changed here of one objective; the rest stays as it came."""
    keep = slo.openslo or {}
    now, then, number = said_of(slo), keep.get("said") or {}, keep.get("objective", 0)
    if number >= len(spec.get("objectives", [])):
        return
    objective = spec["objectives"][number]
    if now["target"] != then.get("target"):
        target = Decimal(now["target"])
        name = "targetPercent" if "targetPercent" in objective else "target"
        objective[name] = target if name == "targetPercent" else target / 100
    limit, before = now["threshold_seconds"], then.get("threshold_seconds")
    if limit and before and limit != before and objective.get("value"):
        # In whatever unit theirs is: the query knows, and the ratio of ours is the ratio of theirs.
        objective["value"] = Decimal(str(objective["value"])) * Decimal(str(limit)) / Decimal(str(before))
    changed = [name for name in ("slice_seconds", "slice_target", "method") if now[name] != then.get(name)]
    if changed and METHODS[now["method"]] == "Timeslices":
        objective |= {name: value for name, value in _objective(now).items() if name != "target"}
