"""Columns and filters of the replay queue."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.web import filters, tables
from opsportal.web.templatetags import ui
from runbooks.models import ReplayItem
from runbooks.queue import words
from runbooks.states import WORDS, ItemState
from runbooks.targets.queries import health_of

OPEN = [("open", "Not arrived"), ("undecided", "Waiting for a decision"), *words.STATES]


class ItemTable(tables.Table):
    caption = "Replay queue"
    empty_title = "Nothing failed"
    empty_sentence = "What an automation could not deliver is stored here until it has arrived."
    empty_tone = "good"

    item = tables.LinkColumn("replay:item", accessor="pk", verbose_name="Payload", orderable=False)
    state = tables.Column(orderable=False)
    record_key = tables.Column(verbose_name="Record", orderable=False)
    target = tables.Column(accessor="target__name", verbose_name="Target", orderable=False)
    automation = tables.Column(accessor="automation__name", verbose_name="Automation", visible=False)  # CSV alone
    error_class = tables.Column(verbose_name="Error", orderable=False)
    attempts = tables.NumberColumn(orderable=False)
    due_at = tables.DueColumn(verbose_name="Next attempt", orderable=False)
    received_at = tables.WhenColumn(verbose_name="Stored")

    class Meta:
        model = ReplayItem
        fields = [
            "item", "state", "record_key", "target", "automation", "error_class", "attempts", "due_at", "received_at",
        ]  # fmt: skip

    def render_item(self, record: ReplayItem) -> str:
        return str(record)

    def value_item(self, record: ReplayItem) -> str:
        return str(record.pk)

    def render_state(self, record: ReplayItem) -> SafeString:
        state = ItemState(record.state)
        return ui.badge(WORDS[state], words.TONES[state])

    def value_state(self, record: ReplayItem) -> str:
        return record.state

    def render_due_at(self, record: ReplayItem) -> SafeString:
        """Whatever waits for a target that is left alone is not late: it goes when the target answers."""
        if health_of(record.target).opened_at is not None:
            return format_html('<span class="muted">{}</span>', "when its target answers")
        is_due = record.due_at is not None and record.due_at <= clock.now()
        return format_html("{}", "now") if is_due else ui.when_html(record.due_at)


class ItemFilter(filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Record, id or error")
    state = django_filters.ChoiceFilter(method="in_state", choices=OPEN, label="State", empty_label="Any")
    target = django_filters.CharFilter(field_name="target__slug", label="Target", max_length=60)
    automation = django_filters.CharFilter(field_name="automation__slug", label="Automation", max_length=60)
    error = django_filters.CharFilter(field_name="error_class", label="Error", max_length=120)

    def search(self, rows: QuerySet[ReplayItem], name: str, value: str) -> QuerySet[ReplayItem]:
        return rows.filter(Q(record_key=value) | Q(external_id=value) | Q(correlation_id=value) | Q(error_class=value))

    def in_state(self, rows: QuerySet[ReplayItem], name: str, value: str) -> QuerySet[ReplayItem]:
        if value == "open":
            return rows.filter(finished_at=None)
        if value == "undecided":
            return rows.filter(state__in=[ItemState.DEAD, ItemState.IN_DOUBT])
        return rows.filter(state=value)
