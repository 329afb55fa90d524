"""Sample data of the style guide: every component once, with awkward values. Shown only where DEBUG is on."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.http import HttpRequest

from opsportal import clock
from opsportal.web import charts
from opsportal.web.bulk import BulkAction
from opsportal.web.filters import FilterForm
from opsportal.web.forms import DateTimeField, Form, ReasonField
from opsportal.web.listing import CappedPaginator, SavedFilter
from opsportal.web.scales import percent
from opsportal.web.tables import (
    BadgeColumn,
    Column,
    DueColumn,
    DurationColumn,
    LinkColumn,
    NumberColumn,
    PersonColumn,
    SelectColumn,
    Table,
    WhenColumn,
)

TONES = {"open": "calm", "late": "bad", "due soon": "warn", "responded": "good"}
HOSTILE = "<img src=x onerror=alert(1)>'\"{{7*7}}"


@dataclass(frozen=True)
class Row:
    pk: int
    name: str
    state: str
    owner: str | None
    due_at: datetime | None
    started_at: datetime
    elapsed_seconds: int
    amount: int | None

    def __str__(self) -> str:
        return self.name


class SampleTable(Table):
    caption = "Sample handoffs"
    select = SelectColumn()
    name = LinkColumn("web:styleguide_row", verbose_name="Lead")
    state = BadgeColumn(tone=lambda state: TONES.get(state, "calm"))
    owner = PersonColumn()
    due_at = DueColumn(verbose_name="Due")
    started_at = WhenColumn(verbose_name="Started")
    elapsed_seconds = DurationColumn(verbose_name="Elapsed")
    amount = NumberColumn()


class EmptyTable(Table):
    empty_title = "Nothing waits"
    empty_sentence = "Every handoff has its answer. New ones appear here as they arrive."
    empty_tone = "good"
    name = Column()


class SampleFilters(FilterForm):
    q = forms.CharField(label="Search", required=False)
    state = forms.ChoiceField(required=False, choices=[("", "Any"), *((each, each.capitalize()) for each in TONES)])
    owner = forms.ChoiceField(required=False, choices=[("", "Anybody"), ("1", "Ada Okafor")])
    since = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    breached = forms.BooleanField(label="Breached", required=False)


class SampleForm(Form):
    name = forms.CharField(max_length=60, help_text="As people call it on the phone.")
    email = forms.EmailField(label="Mail address", required=False)
    started_at = DateTimeField(label="Started")
    clock_stops = forms.ChoiceField(
        label="The clock stops at",
        choices=[("first", "First response"), ("done", "Completion")],
        widget=forms.RadioSelect,
    )
    tell = forms.MultipleChoiceField(
        label="Tell",
        choices=[("owner", "Owner"), ("backup", "Backup")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    historical = forms.BooleanField(
        label="This happened in the past", required=False, help_text="No timer runs for it."
    )
    reason = ReasonField()


def context(request: HttpRequest) -> dict[str, Any]:
    """Everything `web/styleguide.html` shows."""
    now = clock.now()
    table = SampleTable(_rows(now), order_by="-due_at")
    table.paginate(paginator_class=CappedPaginator, per_page=6)
    refused = SampleForm({"name": "", "email": "nobody", "clock_stops": "first"})
    refused.is_valid()
    return {
        "title": "Style guide",
        "table": table,
        "empty_table": EmptyTable([]),
        "filters": SimpleNamespace(form=SampleFilters(request.GET or None)),
        "csv_url": "?format=csv",
        "bulk_actions": [
            BulkAction("Reassign…", "web:styleguide"),
            BulkAction("Cancel…", "web:styleguide", is_danger=True),
        ],
        "saved_filters": [
            SavedFilter("My late ones", "?state=late"),
            SavedFilter("Enterprise", "?q=ent", is_shared=True),
        ],
        "form": SampleForm(initial={"clock_stops": "first"}),
        "refused": refused,
        "people": ["Ada Okafor", "Björk", "Jean-Baptiste Emmanuel de la Fontaine-Moreau"],
        "instants": [
            now - timedelta(seconds=30),
            now - timedelta(hours=5, minutes=12),
            now + timedelta(days=2, hours=3),
        ],
        "deadlines": [now - timedelta(minutes=12), now + timedelta(minutes=4), now + timedelta(hours=7)],
        "before": {"owner": "ada", "sla_minutes": 30, "note": None, "same": 1},
        "after": {"owner": "björk", "sla_minutes": 60, "note": HOSTILE, "same": 1},
        "hostile": HOSTILE,
        "story": _story(now),
        "board": _board(now),
        "charts": [_rates(now), _volume(), _layers(now), _runs()],
        "spark": charts.sparkline("Response time", [12, 14, 9, 11, 30, 22, 17, 12, 10, 8]),
    }


def _rows(now: datetime) -> list[Row]:
    names = ["Northwind Traders", "Globex Corporation", HOSTILE, "Initech", "Ünïcode & Söhne GmbH", "Umbrella", "Hooli"]
    states = ["late", "due soon", "open", "responded", "open", "late", "responded"]
    people = ["Ada Okafor", "Björk Ó", None, "Mei Lin", "Ada Okafor", "Jean-Baptiste Moreau", "Mei Lin"]
    due = [-12, 4, 47, None, 300, -2000, None]
    return [
        Row(
            pk=i + 1,
            name=names[i],
            state=states[i],
            owner=people[i],
            due_at=None if (minutes := due[i]) is None else now + timedelta(minutes=minutes),
            started_at=now - timedelta(minutes=23 * (i + 1) ** 2),
            elapsed_seconds=137 * (i + 1) ** 3,
            amount=None if i == 3 else 1250 * (i + 1) ** 2,
        )
        for i in range(len(names))
    ]


def _story(now: datetime) -> list[dict[str, Any]]:
    said = [
        (95, "calm", "Lead router handed Northwind Traders to Ada Okafor.", "Speed to lead: answer within 30 minutes."),
        (65, "warn", "The timer ran out. Ada was told in Slack.", "Delivered in 1.2 s."),
        (
            35,
            "bad",
            "Nobody had answered at twice the time. Mei Lin owns it now.",
            "Both were told; the breach counts.",
        ),
        (21, "good", "Mei Lin answered by mail.", "21 min after she took over, 1 h 14 min after the lead came in."),
    ]
    return [
        {"at": now - timedelta(minutes=m), "tone": tone, "what": what, "note": note} for m, tone, what, note in said
    ]


def _board(now: datetime) -> list[dict[str, Any]]:
    rows = _rows(now)
    names = {"late": "Late", "due soon": "Due soon", "open": "Open", "responded": "Answered"}
    return [
        {"name": name, "cards": [row for row in rows if row.state == state], "oldest": now - timedelta(hours=5)}
        for state, name in names.items()
    ]


def _rates(now: datetime) -> charts.Chart:
    days = [now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=41 - i) for i in range(42)]
    business = [charts.Point(day, 0.88 + 0.07 * math.sin(i / 5)) for i, day in enumerate(days)]
    absolute = [
        charts.Point(day, None if 18 < i < 22 else 0.71 + 0.09 * math.sin(i / 4 + 1)) for i, day in enumerate(days)
    ]
    return charts.line(
        "Hit rate by day",
        [charts.Series("Business hours", business), charts.Series("Around the clock", absolute)],
        low=0.5,
        high=1,
        limits=[(0.9, "Target 90%")],
        text=percent,
    )


def _volume() -> charts.Chart:
    counts = [41, 38, 52, 47, 12, 3, 44, 61]
    return charts.bars(
        "Handoffs a week",
        [
            charts.Bar(f"W{40 + i}", n, url=f"?week={40 + i}", tone="bad" if n < 10 else "")
            for i, n in enumerate(counts)
        ],
    )


def _layers(now: datetime) -> charts.Chart:
    labels = [f"{now - timedelta(days=13 - i):%d %b}" for i in range(14)]
    waves = {"Answered in time": 24, "Answered late": 7, "Not answered": 3}
    layers = [
        charts.Layer(name, [round(size * (1 + 0.5 * math.sin(i * (1 + k)))) for i in range(14)])
        for k, (name, size) in enumerate(waves.items())
    ]
    return charts.stacked("What became of them", labels, layers)


def _runs() -> charts.Chart:
    tones = [*["good"] * 6, "bad", "bad", *["good"] * 4, "warn", "good", "", *["good"] * 5]
    cells = [charts.Cell(f"Run {i + 1}", tone, f"?run={i + 1}") for i, tone in enumerate(tones)]
    return charts.strip("Last runs", cells)
