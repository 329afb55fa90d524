"""The page of the hit rate: every rule beside the others, one rule in depth, and the records behind a figure.

Days and weeks are those of UTC here, for everybody: two people who talk about a figure see the same one.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from handoffs import queries, ratepages
from handoffs.cohort import ATTRIBUTE, BANDS, COLUMNS, Instant, midnight
from handoffs.engine.rates import Tally
from handoffs.filters import NothingToFilter
from handoffs.models import Handoff, Rule
from handoffs.queries import rates
from handoffs.queries.rates import Question
from handoffs.ratepages import Link
from handoffs.tables import RateRecordTable
from opsportal import clock
from opsportal.identity.actors import principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web import csv
from opsportal.web.filters import FilterForm
from opsportal.web.forms import DateField, DateTimeField
from opsportal.web.listing import list_page

SPANS = {"6": "6 weeks", "13": "13 weeks", "52": "A year", "all": "Everything"}
WHICH = [(name, name) for name in ("pending", "missed", "in_time", "excluded")]
CSV_HEADER = (
    "rule", "split_by", "value", "from", "to", "at", "n", "pending", "excluded",
    *(f"{kind}_{part}" for kind in ("business", "absolute", "in_hours", "strict")
      for part in ("hits", "evaluated", "rate", "low", "high")),
    "lag_n", "ingest_seconds", "routing_seconds", "human_seconds",
)  # fmt: skip


class RateForm(FilterForm):
    """What to look at. `from` and `to` are UTC days, `to` not included; without them the span in weeks counts."""

    rule = forms.ChoiceField(required=False)

    def __init__(self, data: Any, *, rules: list[Rule], now: datetime) -> None:
        super().__init__(data)
        self.rules, self.now = rules, now
        choices = [("", "All rules"), *((rule.slug, rule.name) for rule in rules)]
        self.fields["rule"].choices = choices  # type: ignore[attr-defined]
        self.fields["from"] = DateField(required=False, label="Began from")
        self.fields["to"] = DateField(required=False, label="Began before")
        self.fields["at"] = DateTimeField(required=False, label="As known at")
        self.fields["by"] = forms.CharField(required=False, max_length=60, label="Attribute", widget=forms.HiddenInput)
        self.fields["span"] = forms.ChoiceField(
            required=False, choices=list(SPANS.items()), widget=forms.HiddenInput, label="Span"
        )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        since, until, at = values.get("from"), values.get("to"), values.get("at")
        if since and until and since >= until:
            self.add_error("to", "This is not after the first day.")
        if at and at > self.now:
            self.add_error("at", "What will be known is not known yet.")
        if "\x00" in values.get("by", "") or "," in values.get("by", ""):
            self.add_error("by", "There is no such attribute.")
        return values

    @property
    def picked(self) -> Rule | None:
        """The rule that was picked."""
        slug = self.cleaned_data.get("rule") if self.is_valid() else ""
        return next((rule for rule in self.rules if rule.slug == slug), None)

    def question(self) -> Question:
        """The cohort; a refused value counts as not given."""
        values = self.cleaned_data if self.is_valid() else {}
        rules = [self.picked] if self.picked else self.rules
        at, span = values.get("at") or self.now, values.get("span") or "6"
        monday = rates.monday_of(at)
        since = None if span == "all" else midnight(monday - timedelta(weeks=int(span) - 1))
        if values.get("from") or values.get("to"):
            since = midnight(values["from"]) if values.get("from") else None
        until = midnight(values["to"]) if values.get("to") else at
        return Question(rules, since, until, Instant(at, is_past=bool(values.get("at"))))


class WhichForm(forms.Form):
    """Which records of a cohort are asked for."""

    which = forms.ChoiceField(choices=WHICH, required=False)
    reason = forms.CharField(max_length=240, required=False, strip=False)
    channel = forms.CharField(max_length=60, required=False, strip=False)
    icp = forms.CharField(max_length=60, required=False, strip=False)
    owner = forms.CharField(max_length=150, required=False)
    amount = forms.ChoiceField(choices=[(band, band) for band in BANDS], required=False)
    within_business_hours = forms.ChoiceField(choices=[("true", ""), ("false", "")], required=False)

    def given(self) -> dict[str, str]:
        """What stands in the address, empty values included: no channel is a channel, too."""
        return {name: value for name, value in self.cleaned_data.items() if name in self.data}


@scope_required("handoffs:read")
def hit_rate(request: HttpRequest) -> HttpResponseBase:
    """All rules, or the one that was picked; `?format=csv` answers the same figures."""
    form = _asked(request)
    is_valid, rule, question = form.is_valid(), form.picked, form.question()
    by = form.cleaned_data.get("by", "") if is_valid else ""
    dimensions = [(name,) for name in COLUMNS] + ([(f"{ATTRIBUTE}{by}",)] if by else []) if rule else []
    cohort = rates.read_cohort(question, dimensions)
    if request.GET.get("format") == "csv" and is_valid:
        return csv.stream("hit-rate", CSV_HEADER, _csv_rows(question, cohort, dimensions))
    link = Link(reverse("rates:hit-rate"), _kept(request))
    context = {
        "filters": {"form": form},
        "has_filters": any(request.GET.get(name) for name in ("rule", "from", "to", "at")),
        "csv_url": link.to(format="csv"),
        "spans": [(label, link.to(**{"span": name, "from": None, "to": None}), _is_span(form, name))
                  for name, label in SPANS.items()],
        "zone_note": "Days and weeks here are those of UTC, for everybody.",
        "question": question,
    }  # fmt: skip
    if rule:
        records = Link(reverse("rates:records"), _span_of(question) | {"rule": rule.slug})
        behind = None if question.instant.is_past else records  # the list shows records as they are now
        attributes = rates.attributes_to_split_by(question) if not cohort.is_empty else []
        context |= ratepages.rule_page(rule, question, cohort, link=link, records=behind, by=by, attributes=attributes)
        template = "handoffs/hit_rate_rule.html"
    else:
        context |= ratepages.overview(question, cohort, link=link)
        template = "handoffs/hit_rate.html"
    if cohort.is_empty:
        context["newest"] = rates.newest_start(question)
        context["everything_url"] = link.to(**{"span": "all", "from": None, "to": None})
    return render(request, template, context, status=200 if is_valid else 400)


@scope_required("handoffs:read")
def records(request: HttpRequest) -> HttpResponseBase:
    """The records behind a figure of the page."""
    form, which = _asked(request), WhichForm(request.GET)
    if not (form.is_valid() and which.is_valid()):
        context = {"title": "No such figure", "sentence": "This address names no part of the hit rate.", "status": 400}
        return render(request, "web/error.html", context, status=400)
    rule, question = form.picked, form.question()
    found = rates.list_records(question, **which.given())
    back = Link(reverse("rates:hit-rate"), _span_of(question) | ({"rule": rule.slug} if rule else {}))
    context = {
        "sentence": ratepages.records_sentence(rule, question, which.given()),
        "back_url": back.to(),
    }
    return list_page(
        request,
        queryset=Handoff.objects.visible_to(principal_of(request)).with_names().filter(pk__in=found.values("pk")),
        table_class=RateRecordTable,
        filter_class=NothingToFilter,
        template="handoffs/hit_rate_records.html",
        title="Records behind the figure",
        context=context,
        csv_name="hit-rate-records",
    )


def _asked(request: HttpRequest) -> RateForm:
    rules = list(queries.list_rules(principal_of(request)).select_related(None))
    return RateForm(request.GET, rules=rules, now=clock.now())


def _kept(request: HttpRequest) -> dict[str, str]:
    names = ("rule", "from", "to", "at", "by", "span")
    return {name: request.GET[name] for name in names if request.GET.get(name)}


def _is_span(form: RateForm, name: str) -> bool:
    values = form.cleaned_data if form.is_valid() else {}
    return not (values.get("from") or values.get("to")) and (values.get("span") or "6") == name


def _span_of(question: Question) -> dict[str, str]:
    """The span as the address of the page says it: whole days, today included."""
    until = question.until
    last = until if until == midnight(until.date()) else midnight(until.date()) + timedelta(days=1)
    ends = {"from": question.since, "to": last}
    return {name: f"{end:%Y-%m-%d}" for name, end in ends.items() if end is not None}


def _csv_rows(question: Question, cohort: Any, dimensions: Iterable[tuple[str, ...]]) -> Iterator[list[Any]]:
    """The figures of the page: every rule, then its weeks, then each split."""
    slugs = {rule.pk: rule.slug for rule in question.rules}
    ends = (question.since, question.until, question.instant.at)
    for rule, slug in slugs.items():
        total = cohort.total(rule)
        if total.counts.n or len(slugs) == 1:
            yield [slug, "", "", *ends, *_csv_figures(total)]
        for week in rates.weeks_of(question, cohort, rule) if total.counts.n else []:
            yield [slug, "week", f"{week.since:%Y-%m-%d}", week.since, week.until, ends[2], *_csv_figures(week.tally)]
    for dimension in dimensions:
        found = cohort.by(dimension)
        people = rates.people_of(value for (value,) in found) if dimension == ("owner",) else {}
        for (value,), tally in sorted(found.items()):
            said = people[value].username if value in people else value
            yield [next(iter(slugs.values())), dimension[0], said, *ends, *_csv_figures(tally)]


def _csv_figures(tally: Tally) -> list[Any]:
    counts, lags = tally.counts, tally.lags
    shares = (tally.business, tally.absolute, tally.in_hours, tally.strict)
    parts = [part for one in shares for part in (one.hits, one.evaluated, one.rate, one.low, one.high)]
    lag = [lags.n, lags.ingest_seconds, lags.routing_seconds, lags.human_seconds]
    return [counts.n, counts.pending, counts.excluded, *parts, *lag]
