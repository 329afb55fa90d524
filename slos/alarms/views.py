"""Pages of facts: what is wrong now and was, and how an automation is watched."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString

from handoffs.views.access import found, may
from opsportal import clock
from opsportal.catalog import queries as catalog
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web import forms as web
from opsportal.web import tables
from opsportal.web.actions import Done, say
from opsportal.web.filters import FilterSet, RecordFilter
from opsportal.web.listing import list_page
from opsportal.web.templatetags import ui
from opsportal.web.words import count
from slos.alarms import operations, queries
from slos.facts import address_of
from slos.models import Fact
from slos.objectives.queries import may_write
from slos.states import FactKind
from slos.telling import KIND_WORDS

READ = "slos:read"


class FactFilterSet(FilterSet):
    state = django_filters.ChoiceFilter(
        label="State", choices=[("now", "Goes on"), ("over", "Over")], method="by_state", empty_label="Any"
    )
    automation = RecordFilter(queryset=Automation.objects.all(), to_field_name="slug", empty_label="Any")

    class Meta(FilterSet.Meta):
        model = Fact
        fields = ["state", "kind", "automation"]

    def by_state(self, queryset: QuerySet[Fact], name: str, value: str) -> QuerySet[Fact]:
        return queryset.filter(ended_at__isnull=value == "now")


class FactTable(tables.Table):
    """What was reported, and what came of it."""

    caption = "Facts"
    empty_title = "Nothing is wrong"
    empty_sentence = "No outage, no burn, no stuck run, nothing unusual."
    empty_tone = "good"

    sentence = tables.Column("What", primary=True, linkify=address_of, orderable=False)
    kind = tables.Column()
    occurred_at = tables.WhenColumn("Since")
    ended_at = tables.WhenColumn("Until")
    heard = tables.Column("Heard by", accessor="pk", orderable=False)

    class Meta:
        model = Fact
        fields = ("sentence", "kind", "occurred_at", "ended_at", "heard")
        order_by = "-occurred_at"

    def render_sentence(self, value: str) -> SafeString:
        return ui.in_zone(value)

    def render_kind(self, value: str) -> str:
        return KIND_WORDS[FactKind(value)]

    def render_heard(self, record: Fact) -> SafeString | str:
        if record.claimed_by:
            return record.claimed_by
        if record.told_at is not None:
            return format_html("<span>the owner, {}</span>", ui.when_html(record.told_at, "short"))
        return "nobody yet"

    def value_heard(self, record: Fact) -> str:
        return record.claimed_by or ("owner" if record.told_at else "")


class WatchForm(web.Form):
    watches_volume = forms.BooleanField(label="Watch how often it runs", required=False)
    volume_rule = forms.ChoiceField(
        label="An hour is unusual",
        choices=[
            ("test", "when chance hardly explains the difference"),
            ("factor", "when it has so many times more or fewer runs"),
            ("both", "only when both hold"),
        ],
        help_text="Compared with the same hour of the last six weeks.",
    )
    volume_factor = forms.DecimalField(
        label="So many times", max_digits=6, decimal_places=2, help_text="3: three times as many runs, or a third."
    )
    watches_drift = forms.BooleanField(label="Watch whether errors creep up", required=False)
    drift_factor = forms.DecimalField(
        label="How much more often it has to fail",
        max_digits=6,
        decimal_places=2,
        help_text="2: twice as often as was usual. A lower number notices smaller changes, later.",
    )
    false_alarms_per_year = forms.DecimalField(
        label="False alarms a year you accept",
        max_digits=6,
        decimal_places=2,
        help_text="Of each of the two, while nothing is wrong. With fewer it takes longer to notice.",
    )
    reason = forms.CharField(label="Why", max_length=240, required=False)


class LeadershipFactTable(FactTable):
    """The same for whoever reads verdicts and no telemetry: no row leads to a heartbeat."""

    sentence = tables.Column(
        "What", primary=True, linkify=lambda record: address_of(record, telemetry=False), orderable=False
    )


@scope_required(READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    """`/facts/`: newest first; `?state=now` what goes on."""
    principal = principal_of(request)
    return list_page(
        request,
        queryset=queries.list_facts(principal).order_by("-occurred_at", "-pk"),
        table_class=FactTable if may(request, "heartbeats:read") else LeadershipFactTable,
        filter_class=FactFilterSet,
        title="What is wrong",
        context={"sentence": _sentence(queries.list_facts(principal))},
        csv_name="facts",
    )


@scope_required(READ)
def watch(request: HttpRequest, slug: str) -> HttpResponse:
    """`/facts/watch/<automation>/`: the thresholds of an automation, without code."""
    principal = principal_of(request)
    automation = found(lambda: catalog.get_automation(slug, principal=principal))
    if not may_write(principal, automation):
        raise PermissionDenied("An ops lead or its owner sets how it is watched.")
    present = queries.get_watch(automation)
    initial = {name: _plain(getattr(present, name)) for name in operations.FIELDS}
    form = WatchForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        reason = values.pop("reason")
        try:
            operations.change_watch(automation, values=values, reason=reason, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            web.refuse(form, error)
        else:
            say(request, Done("It is watched like that from the next hour on."))
            return redirect(f"/automations/{automation.slug}/")
    context = {
        "title": f"How {automation} is watched",
        "sentence": "How often it runs, and whether errors creep up slowly. Burn alerts are set at each SLO.",
        "back_url": f"/automations/{automation.slug}/",
        "back_label": automation.name,
        "form": form,
    }
    return render(request, "slos/alarms_watch.html", context, status=422 if form.errors else 200)


def _sentence(facts: QuerySet[Fact]) -> str:
    """How much goes on, and how much of it nobody has taken up."""
    told = facts.order_by().aggregate(
        on=Count("pk", filter=Q(ended_at=None)), free=Count("pk", filter=Q(ended_at=None, claimed_at=None))
    )
    if not told["on"]:
        return "Nothing is wrong at this moment. Below is what was."
    kept = "nobody has taken any of it up" if told["on"] == told["free"] else f"{told['free']} not taken up"
    return f"{count(told['on'], 'thing goes on', 'things go on')} now; {kept}."


def _plain(value: Any) -> Any:
    """3 rather than 3.00."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def panel(request: HttpRequest, automation: Automation, now: datetime) -> dict[str, Any] | None:
    """What is wrong with an automation now, on its page."""
    if not may(request, READ):
        return None
    telemetry = may(request, "heartbeats:read")
    facts = [(fact, address_of(fact, telemetry=telemetry)) for fact in queries.list_going_on(automation)]
    may_set = may_write(principal_of(request), automation)
    return {"facts": facts, "may_set": may_set} if facts or may_set else None
