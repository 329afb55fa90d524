"""Columns and filters of the list of plans."""

import django_filters
from django.utils.safestring import SafeString

from opsportal.web import filters, tables
from opsportal.web.templatetags import ui
from runbooks.models import ReplayPlan
from runbooks.states import PLAN_WORDS, PlanState

TONES = {
    PlanState.DRAFT: "calm",
    PlanState.DRY_RUN: "calm",
    PlanState.AWAITING_APPROVAL: "warn",
    PlanState.APPROVED: "good",
    PlanState.RUNNING: "good",
    PlanState.PAUSED: "warn",
    PlanState.COMPLETED: "good",
    PlanState.CANCELLED: "calm",
    PlanState.ABORTED: "bad",
}


class PlanTable(tables.Table):
    caption = "Replay plans"
    empty_title = "No plan"
    empty_sentence = "Many payloads go again by a plan: looked through first, approved where it takes two, watched."

    plan = tables.LinkColumn("plans:detail", accessor="pk", verbose_name="Plan", orderable=False)
    state = tables.Column(orderable=False)
    reason = tables.Column(orderable=False)
    requester_label = tables.Column(verbose_name="By", orderable=False)
    created_at = tables.WhenColumn(verbose_name="Drawn up")
    finished_at = tables.WhenColumn(verbose_name="Over")

    class Meta:
        model = ReplayPlan
        fields = ["plan", "state", "reason", "requester_label", "created_at", "finished_at"]

    def render_plan(self, record: ReplayPlan) -> str:
        return str(record)

    def value_plan(self, record: ReplayPlan) -> str:
        return str(record.pk)

    def render_state(self, record: ReplayPlan) -> SafeString:
        state = PlanState(record.state)
        return ui.badge(PLAN_WORDS[state], TONES[state])

    def value_state(self, record: ReplayPlan) -> str:
        return record.state


class PlanFilter(filters.FilterSet):
    state = django_filters.ChoiceFilter(
        choices=[(one.value, PLAN_WORDS[one].capitalize()) for one in PlanState], label="State", empty_label="Any"
    )
    target = django_filters.CharFilter(field_name="target__slug", label="Target", max_length=60)
