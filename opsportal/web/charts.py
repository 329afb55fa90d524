"""Charts as pure geometry: numbers in, percentages of the plot out. Templates draw them as SVG (web/chart.html).

Coordinates are percentages (0-100) of the plot, x to the right, y down, so one drawing fits every width while text and
lines keep their size. Each chart carries its numbers as a table; series differ by dash or hatching, not by hue alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import groupby

from opsportal.web.scales import X, axis, number, plain, share, time_ticks

Text = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement; `y` None is a gap in the line. `url` is where the point leads."""

    x: X
    y: float | None
    label: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A line's points."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is, how much, and the tone when it means something."""

    label: str
    value: float
    tone: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of stacked bars: a value for each label, in order; never negative."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Cell:
    """One status of a strip: good, warn, bad, calm; a cell without a tone is a gap (no data)."""

    label: str
    tone: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis. `is_minor` ones are left out where there is little room."""

    at: float
    label: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A path in a 100 x 100 box; `kind` 1-4 chooses dash and hue."""

    path: str
    kind: int


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    kind: int
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `fill` is a tone or `fill-1` to `fill-4`."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and the numbers behind it. `kind`: line, bars, stacked, sparkline, strip."""

    kind: str
    title: str
    description: str
    header: list[str]
    rows: list[list[str]]
    x_ticks: list[Tick] = field(default_factory=list)
    y_ticks: list[Tick] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    limits: list[Tick] = field(default_factory=list)
    legend: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.rows

    @property
    def has_links(self) -> bool:
        return any(dot.url for dot in self.dots) or any(box.url for box in self.boxes)


def line(
    title: str,
    series: Sequence[Series],
    *,
    low: float | None = None,
    high: float | None = None,
    limits: Sequence[tuple[float, str]] = (),
    text: Text | None = None,
    zone: tzinfo = UTC,
    description: str = "",
) -> Chart:
    """Lines over time or numbers. `low`/`high` widen the axis, `limits` are labelled horizontal lines."""
    as_text = text or plain
    ys = [float(p.y) for s in series for p in s.points if p.y is not None]
    xs = [p.x for s in series for p in s.points]
    if not xs:
        return Chart("line", title, description or "No data yet.", [], [])
    y_axis = axis([*ys, *(value for value, _ in limits)], low=low, high=high)
    first, last = min(map(number, xs)), max(map(number, xs))

    def place(x: X, y: float) -> tuple[float, float]:
        return share(number(x), first, last), 100 - share(float(y), y_axis[0], y_axis[-1])

    names = sorted(set(xs), key=number)
    drawn = [(kind, each) for kind, each in zip(_kinds(series), series, strict=True)]
    return Chart(
        "line",
        title,
        description or _in_short(series, as_text),
        header=["", *(each.name for each in series)],
        rows=_rows_by_x(names, series, as_text, zone),
        x_ticks=_x_ticks(names, zone),
        y_ticks=[Tick(100 - share(value, y_axis[0], y_axis[-1]), as_text(value)) for value in y_axis],
        lines=[Line(path(each.points, place), kind) for kind, each in drawn],
        dots=[
            Dot(*place(point.x, y), kind, _dot_title(each.name, point, as_text(y), zone), point.url)
            for kind, each in drawn
            for point, y in _dotted(each.points)
        ],
        limits=[Tick(100 - share(value, y_axis[0], y_axis[-1]), label) for value, label in limits],
        legend=[(each.name, kind) for kind, each in drawn] if len(series) > 1 else [],
    )


def bars(title: str, values: Sequence[Bar], *, text: Text | None = None, description: str = "") -> Chart:
    """Upright bars from zero, one a label."""
    layers = [Layer("", [bar.value for bar in values])]
    drawn = stacked(title, [bar.label for bar in values], layers, text=text, description=description)
    boxes = [
        Box(
            box.x,
            box.y,
            box.width,
            box.height,
            bar.tone or "fill-1",
            f"{bar.label}: {(text or plain)(bar.value)}",
            bar.url,
        )
        for box, bar in zip(drawn.boxes, values, strict=True)
    ]
    return Chart("bars", title, drawn.description, ["", "Value"], drawn.rows, drawn.x_ticks, drawn.y_ticks, boxes=boxes)


def stacked(
    title: str, labels: Sequence[str], layers: Sequence[Layer], *, text: Text | None = None, description: str = ""
) -> Chart:
    """Upright bars in layers, the first one at the bottom."""
    as_text = text or plain
    if not labels or not layers:
        return Chart("stacked", title, description or "No data yet.", [], [])
    totals = [sum(layer.values[i] for layer in layers) for i in range(len(labels))]
    y_axis = axis(totals, low=0)
    slot = 100 / len(labels)
    width = slot * (0.72 if len(labels) > 2 else 0.4)
    boxes = []
    for i, label in enumerate(labels):
        base = 0.0
        for kind, layer in zip(_kinds(layers), layers, strict=True):
            top = base + max(layer.values[i], 0)
            upper, lower = 100 - share(top, y_axis[0], y_axis[-1]), 100 - share(base, y_axis[0], y_axis[-1])
            title_text = f"{label}, {layer.name}: {as_text(layer.values[i])}"
            boxes.append(Box(slot * i + (slot - width) / 2, upper, width, lower - upper, f"fill-{kind}", title_text))
            base = top
    every = math.ceil(len(labels) / 8)
    return Chart(
        "stacked",
        title,
        description or f"{labels[0]} to {labels[-1]}; the highest is {as_text(max(totals))}.",
        header=["", *(layer.name for layer in layers)],
        rows=[[label, *(as_text(layer.values[i]) for layer in layers)] for i, label in enumerate(labels)],
        x_ticks=[
            Tick(slot * (i + 0.5), labels[i], is_minor=i % (2 * every) != 0) for i in range(0, len(labels), every)
        ],
        y_ticks=[Tick(100 - share(value, y_axis[0], y_axis[-1]), as_text(value)) for value in y_axis],
        boxes=boxes,
        legend=list(zip((layer.name for layer in layers), _kinds(layers), strict=True)) if len(layers) > 1 else [],
    )


def sparkline(title: str, values: Sequence[float | None], *, text: Text | None = None) -> Chart:
    """A word-sized line without axes; its numbers stand in its title."""
    as_text = text or plain
    known = [value for value in values if value is not None]
    if not known:
        return Chart("sparkline", title, "No data yet.", [], [])
    low, high = min(known), max(known)

    def place(x: X, y: float) -> tuple[float, float]:
        return share(number(x), 0, max(len(values) - 1, 1)), 96 - 0.92 * share(y, low, high)

    points = [Point(float(i), value) for i, value in enumerate(values)]
    last = max(i for i, value in enumerate(values) if value is not None)
    description = f"from {as_text(known[0])} to {as_text(known[-1])}, lowest {as_text(low)}, highest {as_text(high)}"
    rows = [[str(i + 1), "" if value is None else as_text(value)] for i, value in enumerate(values)]
    end = Dot(*place(float(last), known[-1]), 1, as_text(known[-1]))
    return Chart("sparkline", title, description, ["", title], rows, lines=[Line(path(points, place), 1)], dots=[end])


def strip(title: str, cells: Sequence[Cell], *, description: str = "") -> Chart:
    """The last statuses side by side, oldest first. Heights differ by tone, so it reads without colour."""
    heights = {"good": 60.0, "calm": 60.0, "warn": 80.0, "bad": 100.0}
    slot = 100 / max(len(cells), 1)
    boxes = [
        Box(slot * i + slot * 0.1, 100 - heights.get(c.tone, 14.0), slot * 0.8, heights.get(c.tone, 14.0), *_look(c))
        for i, c in enumerate(cells)
    ]
    counts = [f"{len(list(same))} {tone or 'without data'}" for tone, same in groupby(sorted(c.tone for c in cells))]
    rows = [[cell.label, cell.tone or "no data"] for cell in cells]
    return Chart("strip", title, description or ", ".join(counts) or "No data yet.", ["", "State"], rows, boxes=boxes)


def path(points: Sequence[Point], place: Callable[[X, float], tuple[float, float]]) -> str:
    """SVG path data; a gap (y None) starts a new stretch, a lone point becomes a short dash."""
    pieces = []
    for is_known, stretch in groupby(points, key=lambda point: point.y is not None):
        if is_known:
            places = [place(point.x, point.y) for point in stretch if point.y is not None]
            first, rest = places[0], places[1:] or [(places[0][0] + 0.01, places[0][1])]
            pieces.append(f"M{first[0]:g} {first[1]:g}" + "".join(f"L{x:g} {y:g}" for x, y in rest))
    return "".join(pieces)


def _kinds(items: Sequence[object]) -> list[int]:
    return [index % 4 + 1 for index in range(len(items))]


def _x_ticks(xs: Sequence[X], zone: tzinfo) -> list[Tick]:
    low, high = xs[0], xs[-1]
    if isinstance(low, datetime) and isinstance(high, datetime):
        ticks = time_ticks(low, high, zone) or [(low, _x_text(low, zone))]
        return [
            Tick(share(number(at), number(low), number(high)), label, i % 2 == 1) for i, (at, label) in enumerate(ticks)
        ]
    values = [value for value in axis([number(low), number(high)], steps=6) if number(low) <= value <= number(high)]
    return [Tick(share(value, number(low), number(high)), plain(value), i % 2 == 1) for i, value in enumerate(values)]


def _x_text(x: X, zone: tzinfo) -> str:
    if not isinstance(x, datetime):
        return plain(x)
    local = x.astimezone(zone)
    return f"{local:%Y-%m-%d}" if local.time() == datetime.min.time() else f"{local:%Y-%m-%d %H:%M}"


def _rows_by_x(xs: Sequence[X], series: Sequence[Series], text: Text, zone: tzinfo) -> list[list[str]]:
    columns = [{number(p.x): p.y for p in each.points} for each in series]
    values = [[column.get(number(x)) for column in columns] for x in xs]
    return [[_x_text(x, zone), *("" if v is None else text(v) for v in row)] for x, row in zip(xs, values, strict=True)]


def _dotted(points: Sequence[Point]) -> list[tuple[Point, float]]:
    """Points that get a dot, with their y: all of a short line, of a long one those that say or lead somewhere."""
    is_short = len(points) <= 14
    return [(p, float(p.y)) for p in points if p.y is not None and (is_short or p.url or p.label)]


def _dot_title(name: str, point: Point, value: str, zone: tzinfo) -> str:
    return ": ".join(part for part in (name, point.label or _x_text(point.x, zone), value) if part)


def _in_short(series: Sequence[Series], text: Text) -> str:
    parts = []
    for each in series:
        known = [float(p.y) for p in each.points if p.y is not None]
        if known:
            parts.append(f"{each.name}: from {text(known[0])} to {text(known[-1])}")
    return "; ".join(parts) + "." if parts else "No data yet."


def _look(cell: Cell) -> tuple[str, str, str]:
    return cell.tone or "gap", f"{cell.label}: {cell.tone or 'no data'}", cell.url
