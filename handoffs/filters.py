"""What the list and the board of handoffs can be narrowed by."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from handoffs.forms import active_people
from handoffs.models import Handoff, HandoffQuerySet, Rule
from handoffs.states import HandoffState
from opsportal import clock
from opsportal.web.filters import FilterSet
from opsportal.web.forms import DateField

LATE, BREACHED, RUNNING = "late", "breached", "running"
STATES = [
    (RUNNING, "Running"),
    (LATE, "Late"),
    (BREACHED, "Breached"),
    *((str(state), state.capitalize()) for state in HandoffState),
]


class DayFilter(django_filters.Filter):
    field_class = DateField


class HandoffFilterSet(FilterSet):
    q = django_filters.CharFilter(label="Text", method="by_text", max_length=200)
    state = django_filters.ChoiceFilter(label="State", choices=STATES, method="by_state", empty_label="Any")
    rule = django_filters.ModelChoiceFilter(
        queryset=Rule.objects.all(), to_field_name="slug", empty_label="Any", label="Rule"
    )
    owner = django_filters.ModelChoiceFilter(
        queryset=active_people(), to_field_name="username", empty_label="Anybody", label="Owner"
    )
    channel = django_filters.CharFilter(label="Channel", max_length=60)
    since = DayFilter(label="Started from", field_name="started_at", lookup_expr="date__gte")
    until = DayFilter(label="Started before", field_name="started_at", lookup_expr="date__lt")

    class Meta(FilterSet.Meta):
        model = Handoff
        fields: list[str] = []

    def by_text(self, queryset: QuerySet[Handoff], name: str, value: str) -> QuerySet[Handoff]:
        value = value.replace("\x00", "")
        return queryset.filter(Q(subject__icontains=value) | Q(external_ref=value) | Q(trace_id=value))

    def by_state(self, queryset: HandoffQuerySet, name: str, value: Any) -> QuerySet[Handoff]:
        now = clock.now()
        if value == RUNNING:
            return queryset.running()
        if value == LATE:
            return queryset.running().past_timer(now)
        return queryset.breached_at(now) if value == BREACHED else queryset.filter(state=value)


class RuleFilterSet(FilterSet):
    q = django_filters.CharFilter(label="Name", field_name="name", lookup_expr="icontains", max_length=120)

    class Meta(FilterSet.Meta):
        model = Rule
        fields = ["mode", "team"]


class NothingToFilter(FilterSet):
    """A list whose address says already which rows it has."""

    class Meta(FilterSet.Meta):
        model = Handoff
        fields: list[str] = []
