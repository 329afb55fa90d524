"""Geometry of charts: everything lands inside the plot, in order, whatever the numbers."""

import math
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from opsportal.web import charts, scales

values = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False).map(lambda value: round(value, 6))
sizes = st.floats(min_value=0, max_value=1e9, allow_nan=False)
gaps = st.one_of(values, st.none())


def numbers_of(path: str) -> list[float]:
    return [float(text) for text in re.findall(r"-?[\d.]+(?:e-?\d+)?", path)]


@given(st.lists(gaps, min_size=1, max_size=40))
def test_a_line_stays_inside_its_plot(ys):
    chart = charts.line("t", [charts.Series("a", [charts.Point(i, y) for i, y in enumerate(ys)])])
    for number in numbers_of(chart.lines[0].path):
        assert -0.01 <= number <= 100.02
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= 100 for dot in chart.dots)


@given(st.lists(gaps, min_size=1, max_size=40))
def test_a_gap_starts_a_new_stretch(ys):
    chart = charts.line("t", [charts.Series("a", [charts.Point(i, y) for i, y in enumerate(ys)])])
    stretches = sum(1 for before, y in pairwise([None, *ys]) if before is None and y is not None)
    assert chart.lines[0].path.count("M") == stretches


@given(st.lists(values, min_size=2, max_size=20, unique=True))
def test_higher_values_stand_higher(ys):
    chart = charts.line("t", [charts.Series("a", [charts.Point(i, y, label="x") for i, y in enumerate(ys)])])
    ranked = sorted(zip(ys, (dot.y for dot in chart.dots), strict=True))
    assert all(upper[1] <= lower[1] for lower, upper in pairwise(ranked))


@given(st.lists(values, max_size=30), st.one_of(st.none(), values))
def test_an_axis_encloses_its_values_with_few_even_steps(known, low):
    axis = scales.axis(known, low=low)
    steps = [upper - lower for lower, upper in pairwise(axis)]
    slack = abs(axis[-1] - axis[0]) * 1e-6
    assert 2 <= len(axis) <= 8
    assert all(math.isclose(step, steps[0], rel_tol=1e-3, abs_tol=1e-9) for step in steps)
    assert all(axis[0] - slack <= value <= axis[-1] + slack for value in known)


@given(st.lists(st.tuples(sizes, sizes, sizes), min_size=1, max_size=30))
def test_layers_stack_without_gaps_and_stay_in_their_slot(columns):
    layers = [charts.Layer(str(k), [column[k] for column in columns]) for k in range(3)]
    chart = charts.stacked("t", [str(i) for i in range(len(columns))], layers)
    slot = 100 / len(columns)
    for i in range(len(columns)):
        boxes = chart.boxes[i * 3 : i * 3 + 3]
        assert all(slot * i <= box.x and box.x + box.width <= slot * (i + 1) + 1e-9 for box in boxes)
        assert all(abs(lower.y - (upper.y + upper.height)) < 0.01 for lower, upper in pairwise(boxes))
        assert all(box.height >= 0 for box in boxes)


@given(st.lists(gaps, max_size=30))
def test_a_sparkline_draws_what_is_known_or_says_there_is_nothing(ys):
    chart = charts.sparkline("t", ys)
    assert chart.is_empty == all(y is None for y in ys)
    assert all(-0.01 <= number <= 100.02 for drawn in chart.lines for number in numbers_of(drawn.path))


@given(st.lists(st.sampled_from(["good", "warn", "bad", "calm", ""]), max_size=60))
def test_a_strip_has_one_box_a_status_and_tells_them_apart_by_height(tones):
    chart = charts.strip("t", [charts.Cell(str(i), tone) for i, tone in enumerate(tones)])
    assert len(chart.boxes) == len(tones)
    heights = {box.fill: box.height for box in chart.boxes}
    assert heights.get("bad", 100) > heights.get("warn", 80) > heights.get("good", 60) > heights.get("gap", 14)


def test_a_chart_without_numbers_says_so():
    for chart in (charts.line("t", []), charts.bars("t", []), charts.stacked("t", [], []), charts.strip("t", [])):
        assert chart.is_empty
        assert "No data yet." in chart.description


def test_every_chart_carries_its_numbers_as_a_table():
    drawn = charts.line(
        "Hit rate",
        [
            charts.Series("in hours", [charts.Point(1, 0.5), charts.Point(2, None)]),
            charts.Series("all", [charts.Point(2, 1)]),
        ],
        text=scales.percent,
    )
    assert drawn.header == ["", "in hours", "all"]
    assert drawn.rows == [["1", "50%", ""], ["2", "", "100%"]]


def test_days_on_the_axis_are_local_midnights_also_over_a_dst_change():
    zone = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 22, 12, tzinfo=UTC)
    ticks = scales.time_ticks(first, first + timedelta(days=6), zone)
    assert [label for _, label in ticks] == ["23 Oct", "24 Oct", "25 Oct", "26 Oct", "27 Oct", "28 Oct"]
    assert all(at.astimezone(zone).hour == 0 for at, _ in ticks)


def test_eight_weeks_have_a_label_each_the_last_one_too():
    first = datetime(2026, 10, 5, tzinfo=UTC)
    ticks = scales.time_ticks(first, first + timedelta(days=49), ZoneInfo("UTC"))
    assert [ticks[0][1], ticks[-1][1], len(ticks)] == ["5 Oct", "23 Nov", 8]


@given(
    st.datetimes(
        min_value=datetime.fromisoformat("2001-01-01"),
        max_value=datetime.fromisoformat("2039-01-01"),
        timezones=st.just(UTC),
    ),
    st.integers(min_value=0, max_value=40 * 365 * 24 * 3600),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]),
)
def test_time_ticks_are_few_ascending_and_within_the_span(first, seconds, zone):
    last = first + timedelta(seconds=seconds)
    ticks = [at for at, _ in scales.time_ticks(first, last, ZoneInfo(zone))]
    assert len(ticks) <= 8
    assert ticks == sorted(ticks)
    assert all(first <= at <= last for at in ticks)
