"""The list of calendars."""

from functools import cached_property
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.calendars import queries, sentences
from opsportal.calendars.engine import BusinessTime
from opsportal.calendars.models import Calendar
from opsportal.identity.models import Team
from opsportal.web.filters import FilterSet
from opsportal.web.tables import BadgeColumn, Column, LinkColumn, Table


class CalendarTable(Table):
    """The current versions of the page's rows are read at once."""

    caption = "Calendars"
    empty_title = "No calendars yet"
    empty_sentence = "A calendar says when time counts. Rules measure their timers in one."

    name = LinkColumn("calendars:calendar", key="slug")
    state = BadgeColumn(tone=lambda word: "good" if word == "open" else "calm", accessor="pk", orderable=False)
    until = Column(accessor="pk", orderable=False, verbose_name="Until")
    week = Column(accessor="pk", orderable=False, verbose_name="Usual week")
    timezone = Column(accessor="pk", orderable=False, verbose_name="Time zone")
    team = Column(empty_values=(), order_by="team__name")

    @cached_property
    def _clocks(self) -> dict[UUID, BusinessTime]:
        return queries.business_times(row.record.current_id for row in self.paginated_rows)

    def _clock(self, calendar: Any) -> BusinessTime:
        return self._clocks.get(calendar.current_id) or queries.business_time(calendar.current_id)

    def value_state(self, record: Calendar) -> str:
        is_open, _ = sentences.state(self._clock(record), clock.now())
        return "open" if is_open else "closed"

    def render_state(self, record: Calendar) -> SafeString:
        column: BadgeColumn = self.columns["state"].column
        return column.render(self.value_state(record))

    def render_until(self, record: Calendar) -> str:
        _, sentence = sentences.state(self._clock(record), clock.now())
        return sentence.partition(" until ")[2].rstrip(".") or "no change ahead"

    def render_week(self, record: Calendar) -> str:
        return sentences.week(self._clock(record).definition)

    def render_timezone(self, record: Calendar) -> str:
        return self._clock(record).definition.timezone

    def render_team(self, record: Calendar) -> str:
        return record.team.name if record.team else "Everybody"


class CalendarFilter(FilterSet):
    q = django_filters.CharFilter(method="search", label="Name")
    team = django_filters.ModelChoiceFilter(queryset=Team.objects.all(), empty_label="Any")

    class Meta(FilterSet.Meta):
        model = Calendar
        fields = ["q", "team"]

    def search(self, rows: QuerySet[Calendar], name: str, text: str) -> QuerySet[Calendar]:
        return rows.filter(Q(name__icontains=text) | Q(slug__icontains=text))
