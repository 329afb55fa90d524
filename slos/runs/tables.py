"""Columns and filters of the list of runs."""

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from opsportal.catalog.models import Automation
from opsportal.identity.actors import principal_of
from opsportal.web import filters, tables
from opsportal.web.forms import DateField
from slos.models import Run
from slos.runs import words


def _visible(request: HttpRequest | None) -> QuerySet[Automation]:
    return Automation.objects.visible_to(principal_of(request)) if request else Automation.objects.none()


class RunTable(tables.Table):
    """What ran, and how it ended."""

    caption = "Runs"
    empty_title = "No runs yet"
    empty_sentence = "Automations tell of their runs at /api/v1/runs/: docs/runs.md has the lines to copy."

    run_id = tables.LinkColumn("runs:detail", verbose_name="Run", orderable=False)
    automation = tables.Column(orderable=False)
    status = tables.BadgeColumn(tone=lambda status: words.TONES[status], orderable=False)
    started_at = tables.WhenColumn("Began", orderable=False)
    duration_ms = tables.NumberColumn("Took", orderable=False)
    error_type = tables.Column("Error", orderable=False)
    retries = tables.NumberColumn(orderable=False)
    items_out = tables.NumberColumn("Items", orderable=False)
    version = tables.Column(orderable=False)

    class Meta:
        model = Run
        fields = ("run_id", "automation", "status", "started_at", "duration_ms", "error_type", "retries", "items_out")
        sequence = (*fields, "version")

    def render_duration_ms(self, value: int) -> str:
        return words.length(value)

    def value_duration_ms(self, value: int) -> int:
        return value


class DayFilter(django_filters.Filter):
    field_class = DateField


class RunFilter(filters.FilterSet):
    automation = filters.RecordFilter(queryset=_visible, to_field_name="slug", empty_label="Any", label="Automation")
    status = django_filters.ChoiceFilter(choices=words.STATUSES, empty_label="Any", label="Status")
    since = DayFilter(label="Began from", field_name="started_at", lookup_expr="date__gte")
    until = DayFilter(label="Began before", field_name="started_at", lookup_expr="date__lt")
    error_type = django_filters.CharFilter(label="Error", max_length=120)
    version = django_filters.CharFilter(label="Version", max_length=60)
    environment = django_filters.CharFilter(label="Environment", max_length=60)
    q = django_filters.CharFilter(label="Run or correlation id", method="by_id", max_length=200)

    class Meta(filters.FilterSet.Meta):
        model = Run
        fields: list[str] = []

    def by_id(self, queryset: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        value = value.replace("\x00", "")
        return queryset.filter(Q(run_id=value) | Q(correlation_id=value))
