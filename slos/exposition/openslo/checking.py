"""OpenSLO v1, strictly: what its specification and its reference checker ask of an object, with the path of what fails.

After github.com/OpenSLO/OpenSLO (schemas/v1) and github.com/OpenSLO/go-sdk (pkg/openslo/v1), both Apache-2.0; written
anew. Where the two differ, the stricter holds, but for what the schema does not know yet (docs/openslo.md). Keys that
the specification does not name are no faults: `unknown_keys` tells of them.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from slos.exposition.openslo.reading import KINDS, objects_in

LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123
LABEL_KEY = re.compile(r"[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
ANNOTATION_KEY = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*/)?"
    r"[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"
)
DURATION = re.compile(r"[1-9][0-9]*[mhdwMQY]")
ZONE = re.compile(r"[A-Z][a-zA-Z_]+/[A-Z][a-zA-Z_]+")  # so UTC is Etc/UTC
OPERATORS = ("lte", "gte", "lt", "gt")
HEAD = ("apiVersion", "kind", "metadata", "spec")
METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
LONGEST_DESCRIPTION, LONGEST_DISPLAY_NAME = 1050, 63


@dataclass(frozen=True, slots=True)
class Fault:
    path: str
    sentence: str
    is_unknown_key: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}"


Faults = Iterator[Fault]
Check = Callable[[Any, str], Faults]


def faults_of(body: Any) -> list[Fault]:
    """Everything that is wrong with one object; nothing for one that passes."""
    return [fault for fault in _findings(body) if not fault.is_unknown_key]


def unknown_keys(body: Any) -> list[str]:
    """The paths of keys that the specification does not name, of an object in v1."""
    return [fault.path for fault in _findings(body) if fault.is_unknown_key]


def _findings(body: Any) -> list[Fault]:
    if not isinstance(body, dict):
        return [Fault("", "is no object")]
    found = list(_one_of(("openslo/v1",))(body.get("apiVersion"), "apiVersion"))
    found += _one_of(KINDS)(body.get("kind"), "kind")
    found += _unknown(body, "", HEAD)
    found += _metadata(body.get("metadata"), "metadata")
    spec = body.get("spec")
    if not isinstance(spec, dict):
        return [*found, Fault("spec", "is missing or no object")]
    return [*found, *SPECS.get(str(body.get("kind")), _nothing)(spec, "spec")]


# --- pieces ---


def _nothing(value: Any, path: str) -> Faults:
    yield from ()


def _one_of(words: tuple[str, ...]) -> Check:
    def check(value: Any, path: str) -> Faults:
        if value not in words:
            yield Fault(path, f"is one of {', '.join(words)}")

    return check


def _matching(pattern: re.Pattern[str], sentence: str) -> Check:
    def check(value: Any, path: str) -> Faults:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield Fault(path, sentence)

    return check


_label = _matching(LABEL, "is 1 to 63 lower-case letters, digits and hyphens, not at an end")
_duration = _matching(DURATION, "is a positive number and one of m h d w M Q Y, such as 28d")
_operator = _one_of(OPERATORS)


def _text(longest: int, *, blank: bool = True) -> Check:
    def check(value: Any, path: str) -> Faults:
        if not isinstance(value, str) or len(value) > longest or (not blank and not value):
            yield Fault(path, f"is text of {0 if blank else 1} to {longest} characters")

    return check


def _number(low: float, high: float, *, with_low: bool, with_high: bool) -> Check:
    def check(value: Any, path: str) -> Faults:
        fits = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if not fits or not (low < value < high or (with_low and value == low) or (with_high and value == high)):
            yield Fault(path, f"is a number from {low} to {high}")

    return check


def _fields(part: Any, path: str, required: dict[str, Check], optional: dict[str, Check] | None = None) -> Faults:
    if not isinstance(part, dict):
        yield Fault(path, "is missing or no object")
        return
    for name, check in required.items():
        yield from check(part[name], f"{path}.{name}") if name in part else [Fault(f"{path}.{name}", "is missing")]
    for name, check in (optional or {}).items():
        if name in part:
            yield from check(part[name], f"{path}.{name}")
    yield from _unknown(part, f"{path}.", {*required, *(optional or {})})


def _unknown(part: dict[str, Any], prefix: str, known: Collection[str]) -> Faults:
    for name in part:
        if name not in known:
            yield Fault(f"{prefix}{str(name)[:60]}", "is no key of the specification", is_unknown_key=True)


def _exactly_one(part: dict[str, Any], path: str, *names: str) -> Faults:
    if sum(name in part for name in names) != 1:
        yield Fault(path, f"has exactly one of {', '.join(names)}")


def _each(check: Check, *, least: int = 0, most: int | None = None) -> Check:
    def checked(value: Any, path: str) -> Faults:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            yield Fault(path, f"is a list of {least} to {most if most is not None else 'any number of'} entries")
            return
        for number, one in enumerate(value):
            yield from check(one, f"{path}[{number}]")

    return checked


def _filled(value: Any, path: str) -> Faults:
    if not isinstance(value, dict) or not value:
        yield Fault(path, "is an object that is not empty")


def _any_object(value: Any, path: str) -> Faults:
    if not isinstance(value, dict | list):
        yield Fault(path, "is an object")


def _boolean(value: Any, path: str) -> Faults:
    if not isinstance(value, bool):
        yield Fault(path, "is true or false")


# --- metadata ---


def _metadata(value: Any, path: str) -> Faults:
    optional = {
        "displayName": _text(LONGEST_DISPLAY_NAME, blank=False),
        "labels": _labels,
        "annotations": _annotations,
    }
    yield from _fields(value, path, {"name": _label}, optional)


def _labels(value: Any, path: str) -> Faults:
    for key, label in value.items() if isinstance(value, dict) else ():
        yield from _matching(LABEL_KEY, "is no key of a label")(key, f"{path}.{key}")
        yield from _each(_text(63, blank=False))([label] if isinstance(label, str) else label, f"{path}.{key}")
    if not isinstance(value, dict):
        yield Fault(path, "is an object")


def _annotations(value: Any, path: str) -> Faults:
    for key, text in value.items() if isinstance(value, dict) else ():
        yield from _matching(ANNOTATION_KEY, "is no key of an annotation")(key, f"{path}.{key}")
        if not isinstance(text, str):
            yield Fault(f"{path}.{key}", "is text")
    if not isinstance(value, dict):
        yield Fault(path, "is an object")


# --- SLI ---


def _metric(value: Any, path: str) -> Faults:
    def source(inner: Any, here: str) -> Faults:
        yield from _fields(inner, here, {"spec": _filled}, {"metricSourceRef": _label, "type": _text(1050)})

    yield from _fields(value, path, {"metricSource": source})


def _ratio(value: Any, path: str) -> Faults:
    metrics: dict[str, Check] = {
        "counter": _boolean,
        "rawType": _nothing,
        **dict.fromkeys(("good", "bad", "total", "raw"), _metric),
    }
    yield from _fields(value, path, {}, metrics)
    if not isinstance(value, dict):
        return
    yield from _exactly_one(value, path, "total", "raw")
    if "total" in value:
        yield from _exactly_one(value, path, "good", "bad")
        if "counter" not in value:
            yield Fault(f"{path}.counter", "is missing")
    if "raw" in value:
        yield from _exactly_one(value, path, "raw", "good", "bad")
        yield from _one_of(("success", "failure"))(value.get("rawType"), f"{path}.rawType")


def _sli(spec: Any, path: str) -> Faults:
    optional = {"description": _text(LONGEST_DESCRIPTION), "thresholdMetric": _metric, "ratioMetric": _ratio}
    yield from _fields(spec, path, {}, optional)
    if isinstance(spec, dict):
        yield from _exactly_one(spec, path, "thresholdMetric", "ratioMetric")


def _inline_sli(value: Any, path: str) -> Faults:
    yield from _fields(value, path, {"metadata": _metadata, "spec": _sli})


# --- SLO ---


def _slo(spec: Any, path: str) -> Faults:
    required = {
        "service": _text(255, blank=False),
        "budgetingMethod": _one_of(METHODS),
        "objectives": _each(_objective, least=1),
    }
    optional = {
        "description": _text(LONGEST_DESCRIPTION),
        "timeWindow": _each(_window, least=1, most=1),
        "alertPolicies": _each(_referenced("alertPolicyRef", "AlertPolicy", _alert_policy)),
        "indicator": _inline_sli,
        "indicatorRef": _label,
    }
    yield from _fields(spec, path, required, optional)
    objectives = objects_in(spec.get("objectives"))
    is_composite = any("indicator" in one or "indicatorRef" in one for one in objectives)
    if is_composite == ("indicator" in spec or "indicatorRef" in spec):
        yield Fault(path, "has an indicator, or each of its objectives has one")
    if "indicator" in spec and "indicatorRef" in spec:
        yield Fault(path, "has one of indicator, indicatorRef")
    for number, one in enumerate(objectives):
        here = f"{path}.objectives[{number}]"
        if is_composite:
            yield from _exactly_one(one, here, "indicator", "indicatorRef")
        yield from _slices(one, here, spec.get("budgetingMethod"))


def _objective(value: Any, path: str) -> Faults:
    optional = {
        "displayName": _text(LONGEST_DESCRIPTION),
        "op": _operator,
        "value": _number(-1e300, 1e300, with_low=True, with_high=True),
        "target": _number(0, 1, with_low=True, with_high=False),
        "targetPercent": _number(0, 100, with_low=True, with_high=False),
        "timeSliceTarget": _number(0, 1, with_low=False, with_high=True),
        "timeSliceWindow": _duration,
        "compositeWeight": _number(0, 1e300, with_low=False, with_high=False),
        "indicator": _inline_sli,
        "indicatorRef": _label,
    }
    yield from _fields(value, path, {}, optional)
    if isinstance(value, dict):
        yield from _exactly_one(value, path, "target", "targetPercent")


def _slices(objective: dict[str, Any], path: str, method: Any) -> Faults:
    needed = {"Timeslices": ("timeSliceTarget", "timeSliceWindow"), "RatioTimeslices": ("timeSliceWindow",)}
    for name in needed.get(str(method), ()):
        if name not in objective:
            yield Fault(f"{path}.{name}", f"is missing, and {method} needs it")


def _window(value: Any, path: str) -> Faults:
    yield from _fields(value, path, {"duration": _duration, "isRolling": _boolean}, {"calendar": _calendar})
    if isinstance(value, dict) and value.get("isRolling") is ("calendar" in value):
        yield Fault(path, "is either rolling or has a calendar")


def _calendar(value: Any, path: str) -> Faults:
    yield from _fields(value, path, {"startTime": _start, "timeZone": _zone})


def _start(value: Any, path: str) -> Faults:
    try:
        datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - a wall clock; its zone stands beside it
    except ValueError:
        yield Fault(path, "is written 2026-01-31 00:00:00")


def _zone(value: Any, path: str) -> Faults:
    if not isinstance(value, str) or value not in available_timezones() or not ZONE.search(value):
        yield Fault(path, "is an IANA time zone of the form Area/Place, such as Etc/UTC")


# --- alerts, sources ---


def _referenced(reference: str, kind: str, spec: Check) -> Check:
    """Either a name, or the object itself."""

    def check(value: Any, path: str) -> Faults:
        if isinstance(value, dict) and reference in value:
            yield from _fields(value, path, {reference: _label})
        else:
            required = {"kind": _one_of((kind,)), "metadata": _metadata, "spec": spec}
            yield from _fields(value, path, required, {"apiVersion": _one_of(("openslo/v1",))})

    return check


def _alert_policy(spec: Any, path: str) -> Faults:
    required = {
        "conditions": _each(_referenced("conditionRef", "AlertCondition", _alert_condition), least=1, most=1),
        "notificationTargets": _each(_referenced("targetRef", "AlertNotificationTarget", _target), least=1),
    }
    flags = dict.fromkeys(("alertWhenNoData", "alertWhenResolved", "alertWhenBreaching"), _boolean)
    yield from _fields(spec, path, required, {"description": _text(LONGEST_DESCRIPTION), **flags})


def _alert_condition(spec: Any, path: str) -> Faults:
    def condition(value: Any, here: str) -> Faults:
        number = _number(-1e300, 1e300, with_low=True, with_high=True)
        required = {"kind": _one_of(("burnrate",)), "op": _operator, "threshold": number, "lookbackWindow": _duration}
        yield from _fields(value, here, required, {"alertAfter": _duration})

    required = {"severity": _text(1050, blank=False), "condition": condition}
    yield from _fields(spec, path, required, {"description": _text(LONGEST_DESCRIPTION)})


def _target(spec: Any, path: str) -> Faults:
    yield from _fields(spec, path, {"target": _text(1050, blank=False)}, {"description": _text(LONGEST_DESCRIPTION)})


def _data_source(spec: Any, path: str) -> Faults:
    required = {"type": _text(1050, blank=False), "connectionDetails": _any_object}
    yield from _fields(spec, path, required, {"description": _text(LONGEST_DESCRIPTION)})


def _service(spec: Any, path: str) -> Faults:
    yield from _fields(spec, path, {}, {"description": _text(LONGEST_DESCRIPTION)})


SPECS: dict[str, Check] = {
    "SLO": _slo,
    "SLI": _sli,
    "Service": _service,
    "DataSource": _data_source,
    "AlertPolicy": _alert_policy,
    "AlertCondition": _alert_condition,
    "AlertNotificationTarget": _target,
}
