"""What a definition must keep, each refusal at its field."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoffs.models import Rule
from opsportal.errors import Conflict, InvalidInputs
from slos.models import Slo, SloVersion
from slos.objectives import operations, thresholds
from slos.objectives.checking import METHODS, check_definition
from slos.objectives.definition import definition_of
from slos.objectives.document import definition_document, from_document, to_document
from slos.states import SliKind, SliMethod
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP
from tests.factories.objectives import WEEK, document, make_slo

pytestmark = pytest.mark.django_db
WHO: dict[str, Any] = {"actor": SETUP, "now": NOW}


def refusals(**fields: Any) -> set[tuple[str, str]]:
    """(field, code) of everything that is wrong with a document."""
    said = document("an-slo", **{"automation": make_automation().slug, **fields})
    try:
        check_definition(said["slug"], from_document(said))
    except InvalidInputs as refused:
        return {(one.field, one.code) for one in refused.errors}
    return set()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"target": "0"}, ("target", "out_of_range")),
        ({"target": "100"}, ("target", "out_of_range")),
        ({"target": "-1"}, ("target", "out_of_range")),
        ({"target": "99.1234567"}, ("target", "too_precise")),
        ({"target": "99.50000000000000000000000000000000001"}, ("target", "too_precise")),
        ({"target": "NaN"}, ("target", "invalid")),
        ({"name": "  "}, ("name", "blank")),
        ({"kind": "speed"}, ("kind", "invalid")),
        ({"method": "guessing"}, ("method", "invalid")),
        ({"method": "time_slices", "kind": "heartbeat"}, ("method", "incompatible")),
        ({"kind": "hit_rate", "method": "downtime"}, ("method", "incompatible")),
        ({"automation": None}, ("automation", "blank")),
        ({"automation": "no-such"}, ("automation", "unknown_automation")),
        ({"kind": "heartbeat", "method": "downtime"}, ("heartbeat", "blank")),
        ({"kind": "hit_rate"}, ("rule", "blank")),
        ({"kind": "composite"}, ("parts", "out_of_range")),
        ({"window": {"kind": "rolling", "days": 0}}, ("window.days", "out_of_range")),
        ({"window": {"kind": "rolling", "days": 367}}, ("window.days", "out_of_range")),
        ({"window": {"kind": "calendar", "unit": "day"}}, ("window.unit", "invalid")),
        ({"window": {"kind": "calendar", "unit": "week", "days": 7}}, ("window.days", "not_applicable")),
        ({"window": {"kind": "calendar", "unit": "week", "timezone": "Mars"}}, ("window.timezone", "unknown_timezone")),
        ({"window": {}}, ("window.kind", "invalid")),
        ({"kind": "latency"}, ("threshold_seconds", "blank")),
        ({"kind": "latency", "threshold_seconds": 0}, ("threshold_seconds", "out_of_range")),
        ({"kind": "latency", "threshold_seconds": "0.0001"}, ("threshold_seconds", "too_precise")),
        ({"threshold_seconds": 5}, ("threshold_seconds", "not_applicable")),
        ({"method": "time_slices", "slice_target": "95"}, ("slice_seconds", "blank")),
        ({"method": "time_slices", "slice_seconds": 90, "slice_target": "95"}, ("slice_seconds", "out_of_range")),
        ({"method": "time_slices", "slice_seconds": 60}, ("slice_target", "blank")),
        ({"method": "time_slices", "slice_seconds": 60, "slice_target": "101"}, ("slice_target", "out_of_range")),
        ({"slice_seconds": 60}, ("slice_seconds", "not_applicable")),
        ({"method": "downtime"}, ("violation", "blank")),
        ({"violation": {"max_run_seconds": 600}}, ("violation.max_run_seconds", "not_applicable")),
        (
            {"method": "downtime", "violation": {"consecutive_failures": 0}},
            ("violation.consecutive_failures", "out_of_range"),
        ),
        ({"burn_alerts": [{"burn": "x"}]}, ("burn_alerts", "invalid")),
    ],
)  # fmt: skip
def test_each_mistake_is_told_at_its_field(fields: dict[str, Any], refusal: tuple[str, str]):
    assert refusal in refusals(**fields)


def test_a_sound_definition_is_refused_nothing():
    assert refusals() == set()
    assert refusals(method="time_slices", slice_seconds=300, slice_target="100") == set()
    assert refusals(method="downtime", violation={"max_run_seconds": 600, "consecutive_failures": 2}) == set()
    assert refusals(kind="freshness", method="downtime", threshold_seconds=300) == set()


def test_several_mistakes_are_told_at_once():
    assert {("target", "out_of_range"), ("name", "blank"), ("method", "incompatible")} <= refusals(
        target="0", name=" ", kind="hit_rate", method="downtime"
    )


def test_every_kind_has_a_method():
    assert set(METHODS) == set(SliKind)
    assert set(SliMethod) == {method for methods in METHODS.values() for method in methods}


@pytest.mark.parametrize(("burn", "is_refused"), [("199.9999", False), ("200", True), ("200.0001", True)])
def test_a_typed_threshold_that_cannot_be_reached_is_refused(burn: str, is_refused: bool):
    alerts = [{"burn": burn, "long_seconds": 3600, "short_seconds": 300, "severity": "page"}]
    assert (("burn_alerts", "cannot_fire") in refusals(burn_alerts=alerts)) is is_refused


def test_the_long_window_holds_the_short_one_and_fits_the_slo():
    for long, short in ((300, 3600), (3600, 3600), (29 * 86_400, 3600), (3630, 300)):
        alerts = [{"burn": "2", "long_seconds": long, "short_seconds": short, "severity": "page"}]
        assert ("burn_alerts", "bad_windows") in refusals(burn_alerts=alerts)


def test_generated_thresholds_scale_with_the_window():
    def pairs(days: int, target: str) -> list[tuple[str, int, int]]:
        found = thresholds.generated(days, Decimal(target)).alerts
        return [(thresholds.plain(one.burn), one.long_seconds // 60, one.short_seconds // 60) for one in found]

    assert pairs(30, "99.5") == [("14.4", 60, 5), ("6", 360, 30), ("3", 1440, 120), ("1", 4320, 360)]
    assert pairs(7, "99.5") == [("16.8", 60, 5), ("5.6", 360, 30), ("2.8", 1440, 120)]
    assert pairs(28, "99.5")[0] == ("13.44", 60, 5)


def test_a_generated_threshold_that_cannot_fire_is_left_out_with_a_notice():
    """At 95% everything bad burns at 20: 28 days keep their pairs, 90 days lose the first one."""
    assert len(thresholds.generated(28, Decimal(95)).alerts) == 4
    found = thresholds.generated(90, Decimal(95))
    assert [thresholds.plain(one.burn) for one in found.alerts] == ["18", "9", "3"]
    assert found.notices == ("Left out: burn 43.2 over 1 h and over 5 min. With everything bad the burn rate is 20.",)


@given(
    days=st.integers(1, 366),
    target=st.decimals("0.000001", "99.999999", places=6),
)
def test_whatever_is_generated_can_fire_and_fits(days: int, target: Decimal):
    for one in thresholds.generated(days, target).alerts:
        assert not thresholds.cannot_fire(one.burn, target)
        assert one.short_seconds < one.long_seconds < days * 86_400


def test_a_document_read_and_written_is_the_same():
    first, second = make_slo("first"), make_slo("second")
    for fields in (
        {"kind": "latency", "threshold_seconds": 0.25, "description": "Quick."},
        {"method": "downtime", "window": WEEK, "violation": {"max_run_seconds": 600, "consecutive_failures": 2}},
        {"method": "time_slices", "slice_seconds": 60, "slice_target": "99.25"},
        {"kind": "composite", "parts": [{"slo": "first", "weight": "2"}, {"slo": "second", "weight": "0.5"}]},
        {"burn_alerts": [{"burn": "2.5", "long_seconds": 3600, "short_seconds": 300, "severity": "page"}]},
    ):
        slo = make_slo(automation=make_automation(), **fields)
        written = to_document(Slo.objects.get(pk=slo.pk))
        assert definition_document(from_document(written)) == {
            key: value for key, value in written.items() if key not in ("slug", "state", "version")
        }
        assert fields.items() <= written.items() or "window" in fields
    assert {first.version, second.version} == {1}


def test_composites_take_neither_composites_nor_themselves():
    parts = [{"slo": make_slo().slug, "weight": 1}, {"slo": make_slo().slug, "weight": 1}]
    whole = make_slo("whole", kind="composite", parts=parts)
    assert ("parts", "nested") in refusals(kind="composite", parts=[{"slo": "whole", "weight": 1}, parts[0]])
    assert ("parts", "repeated") in refusals(kind="composite", parts=[parts[0], parts[0]])
    assert ("parts", "bad_weight") in refusals(kind="composite", parts=[{**parts[0], "weight": 0}, parts[1]])
    assert ("parts", "unknown_slo") in refusals(kind="composite", parts=[{"slo": "none", "weight": 1}])
    part = whole.parts.first().part
    with pytest.raises(Conflict, match="part of Whole"):
        operations.retire_slo(part, **WHO)


def test_a_change_makes_a_version_and_none_makes_none():
    slo = make_slo(target="99.5")
    definition = definition_of(slo)
    assert operations.change_slo(slo, definition=definition, **WHO).version == 1
    stricter = replace(definition, target=Decimal("99.9"))
    changed = operations.change_slo(slo, definition=stricter, reason="Sales depends on it", **WHO)
    assert changed.version == 2
    versions = SloVersion.objects.filter(slo=slo)
    assert [(one.number, one.definition["target"]) for one in versions] == [(2, "99.9"), (1, "99.5")]


def test_a_slug_is_taken_once():
    make_slo("router")
    with pytest.raises(Conflict, match="already"):
        make_slo("router")


def test_a_retired_slo_stays_as_it_is():
    slo = make_slo()
    operations.retire_slo(slo, **WHO)
    with pytest.raises(Conflict, match="retired"):
        operations.change_slo(slo, definition=definition_of(slo), **WHO)
    with pytest.raises(Conflict, match="cannot become active"):
        operations.activate_slo(slo, **WHO)


def test_a_hit_rate_reads_a_rule():
    from tests.factories.handoffs import make_rule

    rule: Rule = make_rule("leads")
    assert make_slo(kind="hit_rate", rule=rule.slug).rule == rule
