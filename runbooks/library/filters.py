"""What the library can be narrowed by."""

import django_filters
from django.db.models import Q, QuerySet

from opsportal import clock
from opsportal.web.filters import FilterSet, YesNoFilter
from runbooks.models.library import Runbook, StepReport

STATES = [("current", "Current"), ("stale", "Stale"), ("draft", "Not published"), ("retired", "Retired")]


class RunbookFilterSet(FilterSet):
    q = django_filters.CharFilter(label="Text", method="by_text", max_length=200)
    state = django_filters.ChoiceFilter(label="State", method="by_state", choices=STATES, empty_label="In use")
    automation = django_filters.CharFilter(label="Automation", method="by_automation", max_length=80)
    wrong = YesNoFilter(label="Steps said to be wrong", method="by_reports")

    class Meta(FilterSet.Meta):
        model = Runbook
        fields = ["kind", "form"]

    def by_text(self, queryset: QuerySet[Runbook], name: str, value: str) -> QuerySet[Runbook]:
        value = value.replace("\x00", "")
        found = Q(title__icontains=value) | Q(slug__icontains=value) | Q(links__slug__icontains=value)
        return queryset.filter(pk__in=Runbook.objects.filter(found).values("pk"))

    def by_state(self, queryset: QuerySet[Runbook], name: str, value: str) -> QuerySet[Runbook]:
        now = clock.now()
        return {
            "current": queryset.filter(retired_at=None, stale_at__gt=now),
            "stale": queryset.filter(retired_at=None, stale_at__lte=now),
            "draft": queryset.filter(retired_at=None, published_number=None),
            "retired": queryset.filter(retired_at__isnull=False),
        }[value]

    def by_automation(self, queryset: QuerySet[Runbook], name: str, value: str) -> QuerySet[Runbook]:
        about = Q(links__kind="automation", links__slug=value.replace("\x00", ""))
        return queryset.filter(pk__in=Runbook.objects.filter(about).values("pk"))

    def by_reports(self, queryset: QuerySet[Runbook], name: str, value: bool) -> QuerySet[Runbook]:
        wrong = Runbook.objects.filter(pk__in=StepReport.objects.filter(resolved_at=None).values("runbook")).values(
            "pk"
        )
        return queryset.filter(pk__in=wrong) if value else queryset.exclude(pk__in=wrong)
