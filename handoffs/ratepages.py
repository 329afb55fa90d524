"""What the pages of the hit rate say: rows, pictures and sentences over tallies. No queries about records here."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from handoffs.cohort import ATTRIBUTE, BANDS
from handoffs.engine.rates import Cohort, Rate, Tally
from handoffs.models import Rule
from handoffs.queries import rates
from handoffs.queries.rates import Question, Week
from opsportal.web import charts
from opsportal.web.scales import percent
from opsportal.web.words import count, duration

KINDS = {
    "business": ("Business clock", "only the rule’s open hours count, pauses left out"),
    "absolute": ("Wall clock", "every minute counts, nights and pauses too"),
    "in_hours": ("In hours", "wall clock, only what began within business hours"),
    "strict": ("Strict", "business clock, cancelled when already late counts as missed"),
}
SPLITS = {
    "channel": ("By channel", "Channel", "No channel"),
    "icp": ("By ICP", "ICP", "No ICP"),
    "amount": ("By amount", "Amount", "No amount"),
    "owner": ("By owner", "Owner at the start", "Nobody"),
    "within_business_hours": ("In and out of hours", "It began", ""),
}
MOST_ROWS = 12
LAYERS = 3


@dataclass(frozen=True, slots=True)
class Link:
    """An address with its query, to be varied."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    def to(self, **changes: str | None) -> str:
        said = {name: value for name, value in {**self.query, **changes}.items() if value is not None}
        return f"{self.path}?{urlencode(said)}" if said else self.path


@dataclass(frozen=True, slots=True)
class Share:
    """A rate in words, and where its interval lies in a bar of 100."""

    text: str
    note: str
    interval: str = ""
    at: float = 0
    low: float = 0
    width: float = 0

    @property
    def is_known(self) -> bool:
        return bool(self.interval)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a rule, or one value of a split."""

    label: str
    url: str
    tally: Tally
    person: Any = None
    spark: Any = None

    @property
    def business(self) -> Share:
        return share_of(self.tally.business)

    @property
    def absolute(self) -> Share:
        return share_of(self.tally.absolute)

    @property
    def in_hours(self) -> Share:
        return share_of(self.tally.in_hours)

    @property
    def strict(self) -> Share:
        return share_of(self.tally.strict)


@dataclass(frozen=True, slots=True)
class Split:
    """A table of one split. `rest` values are in the CSV only."""

    key: str
    title: str
    head: str
    lines: list[Line]
    rest: int = 0


@dataclass(frozen=True, slots=True)
class Delay:
    """One part of the time from start to stop; `share` of 100."""

    what: str
    whose: str
    seconds: int
    share: float
    fill: str


def overview(question: Question, cohort: Cohort, *, link: Link) -> dict[str, Any]:
    """Every rule with a record in the span, the lowest rate first."""
    lines = []
    for rule in question.rules:
        tally = cohort.total(rule.pk)
        if not tally.counts.n:
            continue
        weeks = rates.weeks_of(question, cohort, rule.pk)
        spark = charts.sparkline(
            "Business clock by week", [_float(one.tally.business.rate) for one in weeks], text=percent
        )
        lines.append(Line(rule.name, link.to(rule=rule.slug), tally, spark=spark))
    lines.sort(key=lambda line: (line.tally.business.rate is None, line.tally.business.rate, line.label))
    return {"title": "Hit rate", "sentence": _overview_sentence(question, lines), "lines": lines, "kinds": KINDS}


def rule_page(
    rule: Rule, question: Question, cohort: Cohort, *, link: Link, records: Link | None, by: str, attributes: list[str]
) -> dict[str, Any]:
    tally, weeks = cohort.total(), rates.weeks_of(question, cohort)
    names = [*SPLITS, *([f"{ATTRIBUTE}{by}"] if by else [])]
    splits = [split for name in names if (split := _split(name, cohort, records)).lines]
    word, tone = _badge(tally)
    return {
        "title": f"Hit rate: {rule.name}",
        "badge": word,
        "tone": tone,
        "sentence": _sentence(tally, question),
        "rule": rule,
        "tally": tally,
        "figures": [
            (label, share_of(getattr(tally, name)), note) for name, (label, note) in KINDS.items()
        ],
        "charts": [_trend(weeks, link), _outcomes(weeks)] if tally.counts.n else [],
        "splits": splits,
        "delays": delays(tally),
        "delay_bar": _delay_bar(delays(tally)),
        "delay_sentence": _delay_sentence(tally),
        "aside": _left_out(tally, records),
        "attributes": [(name, link.to(by=name), name == by) for name in sorted({*attributes, *([by] if by else [])})],
        "no_attribute_url": link.to(by=None) if by else "",
    }  # fmt: skip


def share_of(rate: Rate) -> Share:
    """`87.6%`, `361 of 412`, `84.1–90.4%`."""
    if rate.rate is None or rate.low is None or rate.high is None:
        return Share("–", "nothing to judge yet")
    low, high = _float(rate.low) or 0, _float(rate.high) or 0
    return Share(
        text=_percent(rate.rate),
        note=f"{rate.hits:,} of {rate.evaluated:,}",
        interval=f"{100 * low:.1f}–{100 * high:.1f}%",
        at=round(100 * float(rate.rate), 2),
        low=round(100 * low, 2),
        width=round(100 * (high - low), 2),
    )


def delays(tally: Tally) -> list[Delay]:
    """The three parts of the mean time from start to stop."""
    lags = tally.lags
    if lags.ingest_seconds is None or lags.routing_seconds is None or lags.human_seconds is None:
        return []
    parts = [
        ("Until it reached the portal", "system", lags.ingest_seconds, "fill-4"),
        ("Until somebody owned it", "system", lags.routing_seconds, "fill-2"),
        ("Until it was answered or done", "people", lags.human_seconds, "fill-1"),
    ]
    total = sum(seconds for _, _, seconds, _ in parts) or 1
    return [Delay(what, whose, spent, round(100 * spent / total, 1), fill) for what, whose, spent, fill in parts]


def records_sentence(rule: Rule | None, question: Question, given: Mapping[str, str]) -> str:
    """Which records a list shows."""
    words = {
        "pending": "still running, within their timer by the business clock",
        "missed": "past their timer by the business clock",
        "in_time": "stopped within their timer by the business clock",
        "excluded": "cancelled, so not in the rate",
    }
    said = [words[given["which"]]] if given.get("which") else []
    if "reason" in given:
        said.append(f"because “{given['reason']}”" if given["reason"] else "without a reason")
    for name, word in (("channel", "channel"), ("icp", "ICP"), ("amount", "amount"), ("owner", "owner")):
        if given.get(name):
            said.append(f"{word} {_label(name, given[name]).lower() if name == 'amount' else given[name]}")
        elif name in given:
            said.append(f"no {word}")
    if "within_business_hours" in given:
        said.append(_hours(given["within_business_hours"]).lower())
    of = f" of “{rule.name}”" if rule else ""
    return f"Handoffs{of} that began {span_in_words(question)}{': ' if said else ''}{', '.join(said)}."


def span_in_words(question: Question) -> str:
    """`from 12 Oct to 21 Nov 2026`; the last day is named, not the one after."""
    last = question.until - timedelta(microseconds=1)
    if question.since is None:
        return f"up to {_day(last)}"
    first = f"{question.since.day} {question.since:%b}" if question.since.year == last.year else _day(question.since)
    return f"from {first} to {_day(last)}"


# --- sentences ---


def _overview_sentence(question: Question, lines: list[Line]) -> str:
    span = span_in_words(question)
    if not lines:
        return f"Nothing began {span}."
    n = sum(line.tally.counts.n for line in lines)
    judged = [line for line in lines if line.tally.business.rate is not None]
    began = f"{count(n, 'handoff')} began {span} under {count(len(lines), 'rule')}"
    if not judged:
        return f"{began}; none of them can be judged yet."
    low, high = (f"{one.label} {_percent(one.tally.business.rate)}" for one in (judged[0], judged[-1]))
    if len(judged) == 1:
        return f"{began}. In time by the business clock: {low}."
    return f"{began}. In time by the business clock: lowest {low}, highest {high}."


def _sentence(tally: Tally, question: Question) -> str:
    span, rate = span_in_words(question), tally.business
    known = f", as known {question.instant.at:%Y-%m-%d %H:%M} UTC" if question.instant.is_past else ""
    if not tally.counts.n:
        return f"Nothing began under this rule {span}{known}."
    if rate.rate is None:
        return f"{count(tally.counts.n, 'handoff')} began {span}{known}; none of them can be judged yet."
    share = share_of(rate)
    return (
        f"{share.text} of what began {span} was in time by the business clock{known}: {share.note}. "
        f"The true rate most likely lies within {share.interval}."
    )


def _badge(tally: Tally) -> tuple[str, str]:
    rate = tally.business.rate
    if rate is None:
        return "no figure", "calm"
    if rate >= Decimal("0.9"):
        return "mostly in time", "good"
    return ("often late", "bad") if rate < Decimal("0.7") else ("sometimes late", "warn")


def _delay_sentence(tally: Tally) -> str:
    parts = delays(tally)
    if not parts:
        return ""
    system = sum(part.seconds for part in parts if part.whose == "system")
    total = sum(part.seconds for part in parts)
    if not total:
        return "Answers came within the second."
    return (
        f"On average {duration(total)} pass on the wall clock from start to stop. {duration(system)} of it is the "
        f"system’s ({percent(system / total)}), {duration(total - system)} is people’s."
    )


# --- rows ---


def _split(name: str, cohort: Cohort, records: Link | None) -> Split:
    tallies = [(value, tally) for (value,), tally in cohort.by((name,)).items() if tally.counts.n]
    found = sorted(tallies, key=lambda item: (_place(name, item[0]), -item[1].counts.n, item[0]))
    people = rates.people_of(value for value, _ in found) if name == "owner" else {}
    lines = []
    for value, tally in found[:MOST_ROWS]:
        person = people.get(value)
        label = str(person) if person else _label(name, value)
        said = person.username if person else value
        url = "" if name.startswith(ATTRIBUTE) or records is None else records.to(**{name: said})
        lines.append(Line(label, url, tally, person))
    title, head, _ = SPLITS.get(name, (f"By {name.removeprefix(ATTRIBUTE)}", name.removeprefix(ATTRIBUTE), ""))
    return Split(name, title, head, lines, max(0, len(found) - MOST_ROWS))


def _place(name: str, value: str) -> float:
    """Amounts stand in their order, whatever else by how many there are."""
    return BANDS.get(value, float("inf")) if name == "amount" else 0


def _label(name: str, value: str) -> str:
    if name == "amount" and value:
        low, _, high = value.partition("-")
        if not high:
            return f"From {int(low):,}"
        return f"{int(low):,} to {int(high):,}" if int(low) else f"Below {int(high):,}"
    if name == "within_business_hours":
        return _hours(value)
    return value or (SPLITS[name][2] if name in SPLITS else "Not said")


def _hours(value: str) -> str:
    return "Within business hours" if value == "true" else "Outside business hours"


def _left_out(tally: Tally, records: Link | None) -> list[tuple[str, int, str]]:
    """What is in the rate and what is not: label, count, and where the records are."""

    def to(**said: str) -> str:
        return records.to(**said) if records else ""

    missed = tally.business.evaluated - tally.business.hits
    rows = [
        ("In time", tally.business.hits, to(which="in_time")),
        ("Missed", missed, to(which="missed")),
        ("Still running, within their timer", tally.counts.pending, to(which="pending")),
    ]
    for reason, number in sorted(tally.excluded.items(), key=lambda item: (-item[1], item[0])):
        words = f"Cancelled: {reason}" if reason else "Cancelled without a reason"
        rows.append((words, number, to(which="excluded", reason=reason)))
    return [row for row in rows if row[1]]


# --- pictures ---


def _trend(weeks: list[Week], link: Link) -> charts.Chart:
    def series(name: str, kind: str) -> charts.Series:
        points = [
            charts.Point(week.since, _float(rate.rate), _week_label(week, rate), _week_url(week, link))
            for week in weeks
            if (rate := getattr(week.tally, kind)) is not None
        ]
        return charts.Series(name, points)

    lines = [series(KINDS[kind][0], kind) for kind in ("business", "absolute", "in_hours")]
    return charts.line("Hit rate by week", lines, low=0, high=1, text=percent)


def _week_label(week: Week, rate: Rate) -> str:
    return f"week of {_day(week.since)}, {rate.hits} of {rate.evaluated}"


def _week_url(week: Week, link: Link) -> str:
    return link.to(**{"from": f"{week.since:%Y-%m-%d}", "to": _end_day(week.until), "span": None})


def _end_day(until: datetime) -> str:
    """The day after the last one, as the form wants it."""
    is_whole = until == until.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{until if is_whole else until + timedelta(days=1):%Y-%m-%d}"


def _delay_bar(parts: list[Delay]) -> list[charts.Box]:
    boxes, x = [], 0.0
    for part in parts:
        boxes.append(charts.Box(x, 0, part.share, 100, part.fill, f"{part.what}: {duration(part.seconds)}"))
        x = round(x + part.share, 2)
    return boxes


def _outcomes(weeks: list[Week]) -> charts.Chart:
    """What became of the records of each week: the most frequent outcomes, and the rest together."""
    totals: Counter[str] = Counter()
    for week in weeks:
        totals.update(week.tally.outcomes)
    if not totals:
        return charts.Chart("stacked", "What became of them", "No outcome has been noted in this span.", [], [])
    names = sorted(totals, key=lambda name: (-totals[name], name))
    layers = [
        charts.Layer(_plain(name), [week.tally.outcomes.get(name, 0) for week in weeks]) for name in names[:LAYERS]
    ]
    if rest := names[LAYERS:]:
        others = [sum(week.tally.outcomes.get(name, 0) for name in rest) for week in weeks]
        layers.append(charts.Layer("Others", others))
    labels = [f"{week.since.day} {week.since:%b}" for week in weeks]
    return charts.stacked("What became of them, by week", labels, layers)


def _plain(name: str) -> str:
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def _day(instant: datetime) -> str:
    return f"{instant.day} {instant:%b %Y}"


def _percent(rate: Decimal | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f}%"


def _float(rate: Decimal | None) -> float | None:
    return None if rate is None else float(rate)
