"""Columns and filters of the decisions, and of how each automation stands."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from opsportal.catalog.models import Automation
from opsportal.identity.actors import principal_of
from opsportal.web import filters, tables
from opsportal.web.forms import DateField
from slos.models import Decision, Policy, Standing
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
    day = tables.Column(attrs={"td": {"class": "nowrap"}})
    at = tables.WhenColumn(verbose_name="Decided")

    class Meta:
        order_by = ("-at",)


def _visible(request: HttpRequest | None) -> QuerySet[Automation]:
    return Automation.objects.visible_to(principal_of(request)) if request else Automation.objects.none()


class DayFilter(django_filters.Filter):
    field_class = DateField


class DecisionFilter(filters.FilterSet):
    automation = django_filters.ModelChoiceFilter(
        queryset=_visible, to_field_name="slug", empty_label="Any", label="Automation"
    )
    verdict = django_filters.ChoiceFilter(choices=WORDS, empty_label="Any", method="by_verdict")
    rule = django_filters.CharFilter(field_name="rule", label="Rule")
    policy = django_filters.ModelChoiceFilter(
        queryset=Policy.objects.all(),
        field_name="policy_version__policy",
        to_field_name="slug",
        empty_label="Any",
        label="Policy",
    )
    day = DayFilter(field_name="day", label="Day")

    class Meta:
        model = Decision
        fields: list[str] = []

    def by_verdict(self, queryset: QuerySet[Decision], name: str, value: str) -> QuerySet[Decision]:
        return queryset.filter(verdict=value)


STANDING_TONES = {"frozen": "bad", "set aside": "warn", "experiments too": "good", "yes": "calm"}


def change_word(standing: Any) -> str:
    """Of a row of slos.policy.queries.list_standings."""
    if standing.is_frozen:
        return "frozen"
    if standing.is_set_aside:
        return "set aside"
    return "experiments too" if standing.may_experiment else "yes"


class StandingTable(tables.Table):
    """Rows are those of slos.policy.queries.list_standings."""

    caption = "SLOs under a policy, frozen ones first"
    empty_title = "No automation has been judged yet"
    empty_sentence = "A policy in force judges automations with an SLO in force, as soon as a day is over."

    automation = tables.Column(
        accessor="slo__automation",
        primary=True,
        linkify=lambda record: reverse("catalog:automation", args=[record.slo.automation.slug]),
        order_by="slo__automation__name",
    )
    change = tables.BadgeColumn(
        empty_values=(), tone=STANDING_TONES.__getitem__, verbose_name="New work now?", orderable=False
    )
    says = tables.Column(empty_values=(), verbose_name="What its rules say", orderable=False)
    slo = tables.Column(verbose_name="By the SLO", order_by="slo__name")
    day = tables.Column(verbose_name="Judged to")

    def value_change(self, record: Any) -> str:
        return change_word(record)

    def render_change(self, record: Any) -> Any:
        column: Any = self.columns["change"].column
        return column.render(change_word(record))

    def render_says(self, record: Standing) -> str:
        acting = [(rule, Verdict(each)) for rule, each in record.verdicts.items() if each != Verdict.NONE]
        return ", ".join(f"{words.VERDICTS[verdict]} ({rule})" for rule, verdict in acting) or "nothing follows"

    def render_day(self, record: Standing) -> str:
        return record.day.isoformat()


class StandingFilter(filters.FilterSet):
    q = django_filters.CharFilter(field_name="slo__automation__name", lookup_expr="icontains", label="Automation")

    class Meta:
        model = Standing
        fields: list[str] = []
