"""What the list of objectives can be narrowed by."""

import django_filters
from django.db.models import Q, QuerySet

from opsportal.catalog.models import Automation
from opsportal.web.filters import FilterSet, RecordFilter
from slos.models import Slo


class SloFilterSet(FilterSet):
    q = django_filters.CharFilter(label="Text", method="by_text", max_length=200)
    automation = RecordFilter(
        queryset=Automation.objects.filter(slos__isnull=False).distinct(), to_field_name="slug", empty_label="Any"
    )

    class Meta(FilterSet.Meta):
        model = Slo
        fields = ["automation", "kind", "method", "state"]

    def by_text(self, queryset: QuerySet[Slo], name: str, value: str) -> QuerySet[Slo]:
        value = value.replace("\x00", "")
        return queryset.filter(Q(name__icontains=value) | Q(slug__icontains=value))
