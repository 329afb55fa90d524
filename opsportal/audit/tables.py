"""The audit browser's list: one sentence a row, what it is about and what changed below it."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from opsportal import trace
from opsportal.audit import queries, sentences
from opsportal.audit.models import Entry
from opsportal.web.filters import FilterSet
from opsportal.web.forms import DateTimeField
from opsportal.web.tables import Column, Table, TemplateColumn, WhenColumn

NO_WRAP = {"td": {"class": "nowrap"}}


class EntryTable(Table):
    caption = "Audit entries, newest first"
    empty_title = "Nothing recorded yet"
    empty_sentence = "Every change made by people, programs and the portal itself is written here as it happens."

    at = WhenColumn(verbose_name="When", orderable=False)
    sentence = TemplateColumn("audit/entry_cell.html", accessor="pk", orderable=False, verbose_name="What happened")
    about = TemplateColumn("audit/about_cell.html", accessor="pk", orderable=False, verbose_name="About")
    source = Column(orderable=False, attrs=NO_WRAP)
    trace_id = TemplateColumn("audit/trace_cell.html", orderable=False, verbose_name="Trace", attrs=NO_WRAP)


class _InstantFilter(django_filters.Filter):
    field_class = DateTimeField


def _action_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for action in sentences.actions():
        room, _, name = action.partition(".")
        groups.setdefault(room, [(f"{room}.", f"everything on {room}")]).append((action, name.replace("_", " ")))
    return list(groups.items())


class EntryFilter(FilterSet):
    """`actor` and `subject` (KIND:KEY) and `trace_id` come from links, so they are not typed in."""

    q = django_filters.CharFilter(label="Search", max_length=200)
    action = django_filters.ChoiceFilter(label="Action", choices=[], empty_label="Any")
    rule = django_filters.CharFilter(label="Rule", max_length=80)
    source = django_filters.ChoiceFilter(
        label="Source", choices=[(name, name) for name in trace.SOURCES], empty_label="Any"
    )
    until = _InstantFilter(label="Until")
    actor = django_filters.CharFilter(label="Actor", max_length=170, widget=forms.HiddenInput)
    subject = django_filters.CharFilter(label="Subject", max_length=200, widget=forms.HiddenInput)
    trace_id = django_filters.CharFilter(label="Trace", max_length=64, widget=forms.HiddenInput)

    class Meta:
        model = Entry
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["action"].extra["choices"] = _action_choices()  # rooms register theirs after this class is made

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        """With `from`, which Python cannot spell as a name, ahead of `until`."""
        found = super().get_filters()
        at = list(found).index("until")
        items = list(found.items())
        return dict([*items[:at], ("from", _InstantFilter(label="From")), *items[at:]])

    def filter_queryset(self, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        values = {name: value for name, value in self.form.cleaned_data.items() if value}
        actor_kind, _, actor_id = values.pop("actor", "").rpartition(":")
        subject_type, _, subject_id = values.pop("subject", "").partition(":")
        return queries.narrow(
            queryset,
            actor_kind=actor_kind,
            actor_id=actor_id,
            subject_type=subject_type,
            subject_id=subject_id,
            from_at=values.pop("from", None),
            **values,
        )


CSV_HEADER = [
    *("id", "at", "sentence", "action", "actor_kind", "actor_id", "actor", "subject_type", "subject_id", "subject"),
    *("reason", "team", "rule", "source", "trace_id", "before", "after", "commitment"),
]


def csv_row(entry: Entry) -> list[object]:
    """One entry as the CSV tells it; before and after as one line of words each."""
    detail = sentences.detail_of(entry)
    return [
        entry.pk,
        entry.at,
        sentences.sentence(entry),
        entry.action,
        entry.actor_kind,
        entry.actor_id,
        sentences.actor_label(entry),
        entry.subject_type,
        entry.subject_id,
        sentences.subject_label(entry),
        detail.get("reason", ""),
        entry.team,
        entry.rule,
        entry.source,
        entry.trace_id,
        _line(detail.get("before")),
        _line(detail.get("after")),
        bytes(entry.commitment).hex(),
    ]


def _line(values: Any) -> str:
    return "; ".join(f"{name}: {value}" for name, value in sentences.readable(values).items())
