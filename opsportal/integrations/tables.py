"""The list of integrations."""

import django_filters
from django.db.models import Q, QuerySet

from opsportal.integrations import registry
from opsportal.integrations.models import Integration
from opsportal.web.filters import FilterSet
from opsportal.web.tables import Column, LinkColumn, SwitchColumn, Table, WhenColumn


def label_of(kind: str) -> str:
    known = registry.get_kind(kind)
    return known.label if known else kind


class IntegrationTable(Table):
    caption = "Integrations"
    empty_title = "No program sends here by an address of its own"
    empty_sentence = "An integration gives a program an address and, where it signs, a secret."

    name = LinkColumn("integrations:integration")
    state = SwitchColumn(accessor="enabled", orderable=False)
    kind = Column(verbose_name="Sends as")
    source = Column()
    team = Column()
    last_seen_at = WhenColumn(verbose_name="Last message")
    created_at = WhenColumn(verbose_name="Since")

    def render_kind(self, value: str) -> str:
        return label_of(value)


class IntegrationFilter(FilterSet):
    q = django_filters.CharFilter(label="Search", method="search", max_length=200)

    class Meta(FilterSet.Meta):
        model = Integration
        fields: list[str] = []

    def search(self, queryset: QuerySet[Integration], name: str, text: str) -> QuerySet[Integration]:
        return queryset.filter(Q(name__icontains=text) | Q(source__icontains=text))
