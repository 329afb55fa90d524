"""What a definition must keep: which methods fit which kind, and each refusal at its field, all at once."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from opsportal.catalog.models import SLUG
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.validators import known_timezone
from slos.models import Slo
from slos.objectives import thresholds
from slos.objectives.definition import Definition
from slos.states import SliKind, SliMethod, SloState

OCCURRENCES, SLICES, DOWNTIME = SliMethod.OCCURRENCES, SliMethod.TIME_SLICES, SliMethod.DOWNTIME

# A hit or a late run is an event; an outage is a stretch of time; a composite adds up shares of its parts' budgets. The
# downtime of latency is what runs took beyond the threshold.
METHODS: Mapping[SliKind, tuple[SliMethod, ...]] = {
    SliKind.AVAILABILITY: (OCCURRENCES, SLICES, DOWNTIME),
    SliKind.LATENCY: (OCCURRENCES, SLICES, DOWNTIME),
    SliKind.FRESHNESS: (OCCURRENCES, SLICES, DOWNTIME),
    SliKind.HEARTBEAT: (DOWNTIME,),
    SliKind.HIT_RATE: (OCCURRENCES,),
    SliKind.COMPOSITE: (OCCURRENCES,),
}
OF_RUNS = frozenset({SliKind.AVAILABILITY, SliKind.LATENCY, SliKind.FRESHNESS})
WITH_THRESHOLD = frozenset({SliKind.LATENCY, SliKind.FRESHNESS})
UNITS = ("week", "month", "quarter", "year")
MAX_WINDOW_DAYS, MAX_THRESHOLD_MS = 366, 31 * 86_400 * 1_000
MAX_DECIMALS, MAX_ALERTS, MAX_PARTS = 6, 8, 20
DAY = 86_400

Refusals = Iterator[InvalidInput]


def check_definition(slug: str, definition: Definition) -> None:
    """Raises InvalidInputs with everything that is wrong, each at its field as the API names it."""
    errors = [*_names(slug, definition), *_target("target", definition.target), *_window(definition)]
    errors += _kind_and_method(definition)
    if not any(one.field in ("kind", "method") for one in errors):
        for rule in (_subject, _threshold, _slices, _violation):
            errors += rule(definition)
        errors += _parts(slug, definition)
    if not any(one.field.startswith(("target", "window")) for one in errors):
        errors += _burn_alerts(definition)
    if errors:
        raise InvalidInputs(errors)


def notices_of(definition: Definition) -> tuple[str, ...]:
    """What somebody should know who saves this: alerts that were left out because they cannot fire."""
    return thresholds.of(definition).notices


def _names(slug: str, one: Definition) -> Refusals:
    if not SLUG.regex.match(slug):  # type: ignore[union-attr]
        yield _no("slug", "invalid", "Use lower-case letters, digits and hyphens.")
    if len(slug) > 80:
        yield _no("slug", "too_long", "At most 80 characters.")
    if not one.name.strip():
        yield _no("name", "blank", "It needs a name.")
    if len(one.name) > 120:
        yield _no("name", "too_long", "At most 120 characters.")
    if len(one.description) > 2000:
        yield _no("description", "too_long", "At most 2,000 characters.")


def _target(field: str, value: Decimal, *, whole: bool = False) -> Refusals:
    top = "100" if not whole else "or equal to 100"
    if not value.is_finite() or value <= 0 or value > 100 or (value == 100 and not whole):
        yield _no(field, "out_of_range", f"A target is a percentage above 0 and below {top}, such as 99.5.")
    elif _is_finer(value, MAX_DECIMALS):
        yield _no(field, "too_precise", f"At most {MAX_DECIMALS} decimals.")


def _window(one: Definition) -> Refusals:
    if one.window_kind == "rolling":
        if one.window_days is None or not 1 <= one.window_days <= MAX_WINDOW_DAYS:
            yield _no("window.days", "out_of_range", f"A rolling window is 1 to {MAX_WINDOW_DAYS} days.")
        if one.window_unit:
            yield _no("window.unit", "not_applicable", "A rolling window has days, no unit.")
    elif one.window_kind == "calendar":
        if one.window_unit not in UNITS:
            yield _no("window.unit", "invalid", f"A calendar window is one of {', '.join(UNITS)}.")
        if one.window_days is not None:
            yield _no("window.days", "not_applicable", "A calendar window has a unit, no days.")
    else:
        yield _no("window.kind", "invalid", "A window is rolling or calendar.")
    try:
        known_timezone(one.timezone)
    except ValidationError as error:
        yield _no("window.timezone", "unknown_timezone", error.messages[0])


def _kind_and_method(one: Definition) -> Refusals:
    if one.kind not in list(SliKind):
        yield _no("kind", "invalid", f"A kind is one of {', '.join(SliKind)}.")
    elif one.method not in list(SliMethod):
        yield _no("method", "invalid", f"A method is one of {', '.join(SliMethod)}.")
    elif one.method not in METHODS[SliKind(one.kind)]:
        fitting = " or ".join(METHODS[SliKind(one.kind)])
        yield _no("method", "incompatible", f"The kind {one.kind} is counted by {fitting}.")


def _subject(one: Definition) -> Refusals:
    """What is measured: the runs of an automation, a heartbeat, a handoff rule."""
    if one.kind in OF_RUNS and one.automation is None:
        yield _no("automation", "blank", "Name the automation whose runs count.")
    if one.kind == SliKind.HEARTBEAT and one.heartbeat is None:
        yield _no("heartbeat", "blank", "Name the heartbeat that is watched.")
    if one.kind == SliKind.HIT_RATE and one.rule is None:
        yield _no("rule", "blank", "Name the handoff rule whose timers count.")
    if one.heartbeat is not None and one.kind != SliKind.HEARTBEAT:
        yield _no("heartbeat", "not_applicable", "Only the kind heartbeat watches one.")
    if one.rule is not None and one.kind != SliKind.HIT_RATE:
        yield _no("rule", "not_applicable", "Only the kind hit_rate reads a handoff rule.")
    if one.heartbeat and one.automation and one.heartbeat.automation_id not in (None, one.automation.pk):
        yield _no("heartbeat", "other_automation", f"This heartbeat belongs to {one.heartbeat.automation}.")


def _threshold(one: Definition) -> Refusals:
    if one.kind not in WITH_THRESHOLD:
        if one.threshold_ms is not None:
            yield _no("threshold_seconds", "not_applicable", "Only latency and freshness have a threshold.")
    elif one.threshold_ms is None:
        yield _no("threshold_seconds", "blank", "Say how long is still good.")
    elif not 1 <= one.threshold_ms <= MAX_THRESHOLD_MS:
        yield _no("threshold_seconds", "out_of_range", "A threshold is above 0 and at most 31 days.")


def _slices(one: Definition) -> Refusals:
    seconds = one.slice_seconds
    if one.method != SLICES:
        for field, given in (("slice_seconds", seconds), ("slice_target", one.slice_target)):
            if given is not None:
                yield _no(field, "not_applicable", "Only time slices have this.")
        return
    if seconds is None:
        yield _no("slice_seconds", "blank", "Say how long a slice is.")
    elif seconds < 60 or seconds > DAY or seconds % 60 or DAY % seconds:
        yield _no("slice_seconds", "out_of_range", "A slice is whole minutes that divide a day: 60, 300, 900, 3600.")
    if one.slice_target is None:
        yield _no("slice_target", "blank", "Say what share of a slice's runs has to be good.")
    else:
        yield from _target("slice_target", one.slice_target, whole=True)


def _violation(one: Definition) -> Refusals:
    given = {"max_run_seconds": one.max_run_seconds, "consecutive_failures": one.consecutive_failures}
    applies = one.kind == SliKind.AVAILABILITY and one.method == DOWNTIME
    for name, value in given.items():
        if value is None:
            continue
        if not applies:
            yield _no(f"violation.{name}", "not_applicable", "Only the downtime of availability has violation rules.")
        elif not 1 <= value <= (DAY * 31 if name == "max_run_seconds" else 1_000):
            yield _no(f"violation.{name}", "out_of_range", "At least 1, at most 31 days or 1,000 failures.")
    rhythm = one.automation is not None and applies and one.automation.heartbeats.exists()
    if applies and not rhythm and all(value is None for value in given.values()):
        yield _no("violation", "blank", "Say what counts as down: a run too long, failures in a row.")


def _parts(slug: str, one: Definition) -> Refusals:
    if one.kind != SliKind.COMPOSITE:
        if one.parts:
            yield _no("parts", "not_applicable", "Only a composite has parts.")
        return
    if not 2 <= len(one.parts) <= MAX_PARTS:
        yield _no("parts", "out_of_range", f"A composite has 2 to {MAX_PARTS} parts.")
    slugs = [part.slo.slug for part in one.parts]
    if len(set(slugs)) < len(slugs):
        yield _no("parts", "repeated", "Each part stands once; give it more weight instead.")
    if slug in slugs:
        yield _no("parts", "itself", "A composite is no part of itself.")
    for part in one.parts:
        yield from _part(part.slo, part.weight)


def _part(slo: Slo, weight: Decimal) -> Refusals:
    if slo.kind == SliKind.COMPOSITE:
        yield _no("parts", "nested", f"{slo} is a composite; name its parts instead.")
    if slo.state == SloState.RETIRED:
        yield _no("parts", "retired", f"{slo} is retired.")
    if not weight.is_finite() or not 0 < weight < 100_000 or _is_finer(weight, 4):
        yield _no("parts", "bad_weight", "A weight is above 0 and below 100,000, with at most 4 decimals.")


def _burn_alerts(one: Definition) -> Refusals:
    if one.burn_alerts is None:
        return
    if len(one.burn_alerts) > MAX_ALERTS:
        yield _no("burn_alerts", "too_many", f"At most {MAX_ALERTS} burn alerts.")
    window = thresholds.window_days_of(one.window_kind, one.window_days, one.window_unit) * DAY
    for row in one.burn_alerts:
        yield from _burn_alert(row, window, one.target)


def _burn_alert(row: dict[str, Any], window: int, target: Decimal) -> Refusals:
    alert = _read_alert(row)
    if alert is None:
        yield _no("burn_alerts", "invalid", "A burn alert is {burn, long_seconds, short_seconds, severity}.")
        return
    burn, long, short = alert.burn, alert.long_seconds, alert.short_seconds
    if not 0 < burn < 100_000 or _is_finer(burn, 4):
        yield _no("burn_alerts", "out_of_range", "A burn rate is above 0, with at most 4 decimals.")
    elif thresholds.cannot_fire(burn, target):
        most = thresholds.plain((100 / (100 - target)).quantize(Decimal("0.01")))
        text = f"A burn rate of {thresholds.plain(burn)} cannot be reached: with everything bad it is {most}."
        yield _no("burn_alerts", "cannot_fire", text)
    if not 0 < short < long <= window or short % 60 or long % 60:
        text = "Windows are whole minutes, the short one below the long one, the long one within the SLO's window."
        yield _no("burn_alerts", "bad_windows", text)


def _read_alert(row: dict[str, Any]) -> thresholds.BurnAlert | None:
    try:
        alert = thresholds.typed([row])[0]
    except (KeyError, TypeError, ArithmeticError, ValueError):
        return None
    whole = all(isinstance(row[name], int) for name in ("long_seconds", "short_seconds"))
    known = alert.severity in (thresholds.PAGE, thresholds.TICKET)
    return alert if whole and known and alert.burn.is_finite() else None


def _is_finer(value: Decimal, places: int) -> bool:
    return value != value.quantize(Decimal(1).scaleb(-places))


def _no(field: str, code: str, message: str) -> InvalidInput:
    return InvalidInput(code, message, field=field)
