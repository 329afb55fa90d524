"""Columns and filters of the automation list."""

from datetime import datetime
from functools import cached_property

import django_filters
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.catalog.models import Automation, Platform, Tier
from opsportal.catalog.readiness import Readiness, readiness_of_all
from opsportal.catalog.states import AutomationState
from opsportal.identity.models import Team
from opsportal.web import filters, tables
from opsportal.web.templatetags import ui

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


def word_at(automation: Automation, now: datetime) -> str:
    """Its state, or what sales should read first: that it is degraded or on its fallback."""
    if automation.state == AutomationState.ACTIVE:
        if automation.degraded_at(now):
            return "Degraded"
        if automation.fallback_since:
            return "On its fallback"
    return word_of(automation.state)


def tone_at(automation: Automation, now: datetime) -> str:
    return tone_of(automation.state) if word_at(automation, now) == word_of(automation.state) else "warn"


class AutomationTable(tables.Table):
    """Readiness is worked out once for all rows of the page."""

    caption = "Automations"
    empty_title = "No automations yet"
    empty_sentence = "Enter the ones your customers would miss first; owners and timers hang on them."

    name = tables.LinkColumn("catalog:automation", key="slug")
    state = tables.Column()
    tier = tables.Column()
    readiness = tables.Column(accessor="pk", verbose_name="Ready", orderable=False)
    team = tables.Column()
    owner = tables.PersonColumn()
    backup_owner = tables.PersonColumn(verbose_name="Backup")
    platform = tables.Column(accessor="get_platform_display", order_by="platform")

    class Meta:
        model = Automation
        fields = ["name", "state", "tier", "readiness", "team", "owner", "backup_owner", "platform"]

    @cached_property
    def now(self) -> datetime:
        return clock.now()

    @cached_property
    def found(self) -> dict[int, Readiness]:
        return readiness_of_all([row.record for row in self.paginated_rows], self.now)

    def render_tier(self, record: Automation) -> str:
        return record.tier

    def render_state(self, record: Automation) -> SafeString:
        return ui.badge(word_at(record, self.now), tone_at(record, self.now))

    def render_readiness(self, record: Automation) -> SafeString:
        found = self.found[record.pk]
        return ui.badge(f"{found.have} of {found.of}", "good" if found.is_ready else "warn")


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
