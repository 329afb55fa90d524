"""A definition as the API writes it, and back: for requests, versions, proposals, starters and OpenSLO."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from handoffs.models import Rule
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
from opsportal.identity.queries import list_teams
from slos.models import Heartbeat, Slo
from slos.objectives.definition import Definition, Part, definition_of
from slos.objectives.thresholds import plain

Document = dict[str, Any]
T = TypeVar("T")
EVERYBODY: Any = object()


def to_document(slo: Slo) -> Document:
    """`{slug, name, …, state, version}`, with slugs for what it refers to and decimals as strings."""
    return {"slug": slo.slug, **definition_document(definition_of(slo)), "state": slo.state, "version": slo.version}


def definition_document(one: Definition) -> Document:
    """The definition alone: what a version keeps and a proposal asks for."""
    return {
        "name": one.name,
        "description": one.description,
        **{name: _slug(getattr(one, name)) for name in ("automation", "heartbeat", "rule", "team")},
        "kind": one.kind,
        "method": one.method,
        "target": plain(one.target),
        "window": _window(one),
        "threshold_seconds": None if one.threshold_ms is None else _seconds(one.threshold_ms),
        "slice_seconds": one.slice_seconds,
        "slice_target": None if one.slice_target is None else plain(one.slice_target),
        "violation": {"max_run_seconds": one.max_run_seconds, "consecutive_failures": one.consecutive_failures},
        "parts": [{"slo": part.slo.slug, "weight": plain(part.weight)} for part in one.parts],
        "burn_alerts": one.burn_alerts,
    }


def from_document(
    document: Mapping[str, Any], *, principal: Principal | None = EVERYBODY, openslo: Document | None = None
) -> Definition:
    """The definition a document writes; slug, state and version in it say nothing about the definition.

    Names are looked up among what `principal` may see (without one: among everything). Raises InvalidInputs for what
    cannot be read; whether it makes sense is checked when it is written (checking.check_definition).
    """
    reader = _Reader(document, principal)
    window = reader.nested("window")
    violation = reader.nested("violation")
    definition = Definition(
        name=document.get("name") or document.get("slug") or "",
        description=document.get("description") or "",
        automation=reader.named("automation", reader.automation),
        heartbeat=reader.named("heartbeat", reader.heartbeat),
        rule=reader.named("rule", reader.rule),
        team=reader.named("team", reader.team),
        kind=document.get("kind") or "",
        method=document.get("method") or "",
        target=reader.decimal("target") or Decimal(0),
        window_kind=window.get("kind") or "",
        window_days=window.get("days"),
        window_unit=window.get("unit") or "",
        timezone=window.get("timezone") or "UTC",
        threshold_ms=reader.milliseconds("threshold_seconds"),
        slice_seconds=document.get("slice_seconds"),
        slice_target=reader.decimal("slice_target"),
        max_run_seconds=violation.get("max_run_seconds"),
        consecutive_failures=violation.get("consecutive_failures"),
        burn_alerts=reader.burn_alerts(),
        openslo=openslo,
        parts=reader.parts(),
    )
    if reader.errors:
        raise InvalidInputs(reader.errors)
    return definition


class _Reader:
    """Looks names up and reads numbers; what fails is collected, each at its field."""

    def __init__(self, document: Mapping[str, Any], principal: Any) -> None:
        self.document, self.principal, self.errors = document, principal, list[InvalidInput]()

    def named(self, field: str, find: Callable[[str], T | None]) -> T | None:
        slug = self.document.get(field)
        if not slug:
            return None
        found = find(slug) if "\x00" not in slug else None
        if found is None:
            self._no(field, f"unknown_{field}", f"There is no {field} “{slug[:80]}”.")
        return found

    def automation(self, slug: str) -> Automation | None:
        return self._seen(Automation.objects.all()).select_related("team", "owner").filter(slug=slug).first()  # type: ignore[no-any-return]

    def heartbeat(self, slug: str) -> Heartbeat | None:
        return self._seen(Heartbeat.objects.all()).select_related("automation").filter(slug=slug).first()  # type: ignore[no-any-return]

    def rule(self, slug: str) -> Rule | None:
        rules = Rule.objects.all()
        if self.principal is not EVERYBODY:
            rules = rules.visible_to(self.principal)
        return rules.filter(slug=slug).first()

    def team(self, slug: str) -> Team | None:
        teams = Team.objects.all() if self.principal is EVERYBODY else list_teams(self.principal)
        return teams.filter(slug=slug).first()

    def parts(self) -> tuple[Part, ...]:
        rows = self.document.get("parts") or []
        slos = {one.slug: one for one in self._seen(Slo.objects.filter(slug__in=[row["slo"] for row in rows]))}
        found = []
        for row in rows:
            if row["slo"] not in slos:
                self._no("parts", "unknown_slo", f"There is no SLO “{row['slo'][:80]}”.")
                continue
            found.append(Part(slos[row["slo"]], self._decimal("parts", row.get("weight", 1)) or Decimal(0)))
        return tuple(found)

    def burn_alerts(self) -> list[dict[str, Any]] | None:
        rows = self.document.get("burn_alerts")
        if rows is None:
            return None
        burns = [self._decimal("burn_alerts", row.get("burn")) or Decimal(0) for row in rows]
        return [{**row, "burn": plain(burn)} for row, burn in zip(rows, burns, strict=True)]

    def nested(self, field: str) -> Mapping[str, Any]:
        value = self.document.get(field) or {}
        return value if isinstance(value, Mapping) else {}

    def decimal(self, field: str) -> Decimal | None:
        return self._decimal(field, self.document.get(field))

    def milliseconds(self, field: str) -> int | None:
        seconds = self.decimal(field)
        if seconds is None:
            return None
        if seconds * 1_000 != (whole := (seconds * 1_000).to_integral_value()):
            self._no(field, "too_precise", "At most three decimals: a thousandth of a second.")
        return int(whole)

    def _decimal(self, field: str, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) >= Decimal(10) ** 12:
            self._no(field, "invalid", "This is not a number that can be used here.")
            return None
        return number

    def _seen(self, rows: Any) -> Any:
        return rows if self.principal is EVERYBODY else rows.visible_to(self.principal)

    def _no(self, field: str, code: str, message: str) -> None:
        self.errors.append(InvalidInput(code, message, field=field))


def _window(one: Definition) -> Document:
    if one.window_kind == "rolling":
        return {"kind": "rolling", "days": one.window_days, "timezone": one.timezone}
    return {"kind": "calendar", "unit": one.window_unit, "timezone": one.timezone}


def _slug(record: Any) -> str | None:
    return record.slug if record is not None else None


def _seconds(milliseconds: int) -> int | float:
    return milliseconds // 1_000 if milliseconds % 1_000 == 0 else milliseconds / 1_000
