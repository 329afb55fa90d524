"""What an SLO says, as a value: what people type, what versions keep, what the columns hold."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from handoffs.models import Rule
from opsportal.catalog.models import Automation
from opsportal.catalog.registry import is_read
from opsportal.identity.models import Team
from slos.models import Heartbeat, Slo, SloPart
from slos.states import SliKind

# A change of these changes which events count, or when: what was counted before has to be counted again.
MEASURED = (
    "automation",
    "heartbeat",
    "rule",
    "kind",
    "method",
    "timezone",
    "threshold_ms",
    "slice_seconds",
    "slice_target",
    "max_run_seconds",
    "consecutive_failures",
    "parts",
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a composite; weights are relative to each other."""

    slo: Slo
    weight: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Fields as the model's columns. `burn_alerts` None: those that follow from window and target."""

    name: str
    kind: str
    method: str
    target: Decimal
    window_kind: str
    window_days: int | None = None
    window_unit: str = ""
    timezone: str = "UTC"
    description: str = ""
    automation: Automation | None = None
    heartbeat: Heartbeat | None = None
    rule: Rule | None = None
    team: Team | None = None
    threshold_ms: int | None = None
    slice_seconds: int | None = None
    slice_target: Decimal | None = None
    max_run_seconds: int | None = None
    consecutive_failures: int | None = None
    burn_alerts: list[dict[str, Any]] | None = None
    openslo: dict[str, Any] | None = None
    parts: tuple[Part, ...] = ()

    def columns(self) -> dict[str, Any]:
        """What is written to the row; parts are rows of their own."""
        return {name: getattr(self, name) for name in COLUMNS}

    def measures_as(self, other: "Definition") -> bool:
        """Whether both count the same events at the same times."""
        return all(getattr(self, name) == getattr(other, name) for name in MEASURED)


COLUMNS = tuple(one.name for one in fields(Definition) if one.name != "parts")


def definition_of(slo: Slo) -> Definition:
    """The present definition of an SLO."""
    rows: Iterable[SloPart] = ()
    if slo.kind == SliKind.COMPOSITE and slo.pk:
        rows = slo.parts.all() if is_read(slo, "parts") else slo.parts.select_related("part")
    parts = tuple(Part(one.part, one.weight.normalize()) for one in rows)
    return Definition(**{name: getattr(slo, name) for name in COLUMNS}, parts=parts)
