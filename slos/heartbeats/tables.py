"""Columns and filters of the list of heartbeats."""

from datetime import datetime
from functools import cached_property

import django_filters
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.web import filters, tables
from opsportal.web.templatetags import ui
from slos.heartbeats import queries, words
from slos.models import Heartbeat
from slos.states import HeartbeatStatus


class HeartbeatTable(tables.Table):
    caption = "Heartbeats"
    empty_title = "No heartbeats yet"
    empty_sentence = "Make one for each job that must not stop unnoticed, and let the job call its address."

    name = tables.LinkColumn("heartbeats:detail", key="slug", accessor="pk", order_by="name")
    status = tables.Column(order_by="known")
    expected = tables.Column(accessor="pk", orderable=False)
    due_at = tables.DueColumn(verbose_name="Next ping")
    last_ping_at = tables.WhenColumn(verbose_name="Last ping")
    grace_seconds = tables.DurationColumn(verbose_name="Grace")
    automation = tables.Column(order_by="automation__name")

    class Meta:
        model = Heartbeat
        fields = ["name", "status", "expected", "due_at", "last_ping_at", "grace_seconds", "automation"]

    @cached_property
    def now(self) -> datetime:
        return clock.now()

    def render_name(self, record: Heartbeat) -> str:
        return str(record)

    def value_name(self, record: Heartbeat) -> str:
        return str(record)

    def value_expected(self, record: Heartbeat) -> str:
        return words.rhythm(record)

    def render_status(self, record: Heartbeat) -> SafeString:
        status = queries.status_of(record, self.now)
        return ui.badge(words.STATUSES[status], words.TONES[status])

    def value_status(self, record: Heartbeat) -> str:
        return words.STATUSES[queries.status_of(record, self.now)]

    def render_expected(self, record: Heartbeat) -> str:
        return words.rhythm(record)


class HeartbeatFilter(filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Name or tag")
    status = django_filters.ChoiceFilter(
        field_name="known",
        label="Status",
        choices=[(str(one), words.STATUSES[one]) for one in HeartbeatStatus],
        empty_label="Any",
    )
    kind = django_filters.ChoiceFilter(choices=words.KINDS, label="Expected", empty_label="Any")

    def search(self, rows: QuerySet[Heartbeat], name: str, value: str) -> QuerySet[Heartbeat]:
        return rows.filter(name__icontains=value) | rows.filter(tags__icontains=value)
