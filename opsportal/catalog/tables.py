"""Columns and filters of the automation list."""

import django_filters

from opsportal.catalog.models import Automation, Platform, Tier
from opsportal.catalog.states import AutomationState
from opsportal.identity.models import Team
from opsportal.web import filters, tables

TONES = {
    AutomationState.DRAFT: "calm",
    AutomationState.ACTIVE: "good",
    AutomationState.PAUSED: "warn",
    AutomationState.RETIRED: "calm",
}
WORDS = {
    AutomationState.DRAFT: "Draft",
    AutomationState.ACTIVE: "In service",
    AutomationState.PAUSED: "Paused",
    AutomationState.RETIRED: "Retired",
}


def tone_of(state: str) -> str:
    return TONES[AutomationState(state)]


def word_of(state: str) -> str:
    return WORDS[AutomationState(state)]


class AutomationTable(tables.Table):
    caption = "Automations"
    empty_title = "No automations yet"
    empty_sentence = "Enter the ones your customers would miss first; owners and timers hang on them."

    name = tables.LinkColumn("catalog:automation", key="slug")
    state = tables.BadgeColumn(tone=tone_of, word=word_of)
    tier = tables.Column()
    platform = tables.Column(accessor="get_platform_display", order_by="platform")
    team = tables.Column()
    owner = tables.PersonColumn()
    backup_owner = tables.PersonColumn(verbose_name="Backup")

    class Meta:
        model = Automation
        fields = ["name", "state", "tier", "platform", "team", "owner", "backup_owner"]

    def render_tier(self, record: Automation) -> str:
        return record.tier


class AutomationFilter(filters.FilterSet):
    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="Name")
    tier = django_filters.ChoiceFilter(choices=Tier.choices, empty_label="Any")
    state = django_filters.ChoiceFilter(choices=[(s.value, WORDS[s]) for s in AutomationState], empty_label="Any")
    platform = django_filters.ChoiceFilter(choices=Platform.choices, empty_label="Any")
    team = django_filters.ModelChoiceFilter(
        queryset=Team.objects.all(), to_field_name="slug", empty_label="Any", field_name="team"
    )
    missing = django_filters.ChoiceFilter(
        choices=[("owner", "An owner"), ("backup", "A backup")], method="without", label="Lacks", empty_label="Nothing"
    )

    def without(self, queryset, name: str, value: str):  # type: ignore[no-untyped-def]
        return queryset.filter(**{"owner" if value == "owner" else "backup_owner": None})
