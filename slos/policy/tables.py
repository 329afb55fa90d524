"""Columns and filters of the decisions, and of how each automation stands."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from opsportal.catalog.models import Automation
from opsportal.web import filters, tables
from slos.models import Decision, Policy
from slos.policy import words
from slos.policy.rules import Verdict

WORDS = [(str(verdict), word) for verdict, word in words.VERDICTS.items()]


def tone_of(verdict: str) -> str:
    return words.TONES[Verdict(verdict)]


def word_of(verdict: str) -> str:
    return words.VERDICTS[Verdict(verdict)]


class DecisionTable(tables.Table):
    caption = "Decisions, newest first"
    empty_title = "Nothing has been decided yet"
    empty_sentence = "Each SLO in force is judged every day, as soon as the day is over in its zone."

    sentence = tables.LinkColumn("policy:decision", verbose_name="What was found")
    verdict = tables.BadgeColumn(tone=tone_of, word=word_of)
    automation = tables.Column()
    rule = tables.Column()
    day = tables.Column()
    at = tables.WhenColumn(verbose_name="Decided")

    class Meta:
        order_by = ("-at",)


class DecisionFilter(filters.FilterSet):
    automation = django_filters.CharFilter(field_name="automation__slug", label="Automation (slug)")
    verdict = django_filters.ChoiceFilter(choices=WORDS, empty_label="Any", method="by_verdict")
    rule = django_filters.CharFilter(field_name="rule", label="Rule")
    policy = django_filters.ModelChoiceFilter(
        queryset=Policy.objects.all(),
        field_name="policy_version__policy",
        to_field_name="slug",
        empty_label="Any",
    )
    day = django_filters.DateFilter(field_name="day", label="Day")

    class Meta:
        model = Decision
        fields: list[str] = []

    def by_verdict(self, queryset: QuerySet[Decision], name: str, value: str) -> QuerySet[Decision]:
        return queryset.filter(verdict=value)


STANDING_TONES = {"frozen": "bad", "set aside": "warn", "experiments too": "good", "yes": "calm"}


def change_word(automation: Any) -> str:
    """Of an automation of slos.policy.queries.with_standings."""
    if automation.is_frozen:
        return "frozen"
    if automation.is_set_aside:
        return "set aside"
    return "experiments too" if automation.may_experiment else "yes"


class StandingTable(tables.Table):
    """Rows are automations of slos.policy.queries.with_standings."""

    caption = "How each automation stands"
    empty_title = "No automation is judged yet"
    empty_sentence = "A policy judges automations that have an SLO in force."

    name = tables.LinkColumn("catalog:automation", key="slug", verbose_name="Automation")
    change = tables.BadgeColumn(
        empty_values=(), tone=STANDING_TONES.__getitem__, verbose_name="New features now?", orderable=False
    )
    says = tables.Column(empty_values=(), verbose_name="What the rules say", orderable=False)
    judged = tables.Column(empty_values=(), verbose_name="Judged to", orderable=False)
    team = tables.Column()

    def value_change(self, record: Any) -> str:
        return change_word(record)

    def render_change(self, record: Any) -> Any:
        column: Any = self.columns["change"].column
        return column.render(change_word(record))

    def render_says(self, record: Any) -> str:
        found = [
            f"{words.VERDICTS[Verdict(verdict)]} ({rule})"
            for slo in record.judged_slos
            for standing in slo.standings.all()
            for rule, verdict in standing.verdicts.items()
            if verdict != Verdict.NONE
        ]
        return ", ".join(dict.fromkeys(found)) or ("nothing follows" if self._days(record) else "not judged yet")

    def render_judged(self, record: Any) -> str:
        days = self._days(record)
        return min(days).isoformat() if days else "–"

    def _days(self, record: Any) -> list[Any]:
        return [standing.day for slo in record.judged_slos for standing in slo.standings.all()]


class StandingFilter(filters.FilterSet):
    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="Automation")

    class Meta:
        model = Automation
        fields: list[str] = []
