"""Rules, handoffs, facts and events in the admin: looked at, never edited. Rules are written on their own pages."""

from django.contrib import admin

from handoffs.models import BreachReason, CaseEvent, Fact, Handoff, PastCycle, Pause, Rule, RuleVersion, StageFiring
from opsportal.web.admin import ReadOnlyAdmin


@admin.register(Rule)
class RuleAdmin(ReadOnlyAdmin):
    list_display = ["name", "slug", "mode", "team", "activated_at"]
    list_select_related = ["team"]
    list_filter = ["mode", "team"]
    search_fields = ["name", "slug"]


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnlyAdmin):
    list_display = ["rule", "number", "sla_minutes", "stop_clock", "calendar", "created_at"]
    list_filter = ["rule"]
    list_select_related = ["rule", "calendar"]


@admin.register(Handoff)
class HandoffAdmin(ReadOnlyAdmin):
    list_display = ["subject", "rule", "state", "owner", "due_at", "verdict", "started_at"]
    list_filter = ["state", "rule", "breached", "shadow", "historical"]
    list_select_related = ["rule", "owner"]
    search_fields = ["subject", "=external_ref", "=trace_id"]
    show_full_result_count = False

    @admin.display(ordering="breached")
    def verdict(self, record: Handoff) -> str:
        """A word: the admin's red cross for "not breached" reads as the opposite."""
        return "breached" if record.breached else "missed" if record.missed else ""


@admin.register(Pause)
class PauseAdmin(ReadOnlyAdmin):
    list_display = ["handoff", "cycle", "kind", "from_at", "until", "reason"]
    list_select_related = ["handoff"]
    show_full_result_count = False


@admin.register(PastCycle)
class PastCycleAdmin(ReadOnlyAdmin):
    list_display = ["handoff", "cycle", "started_at", "business_hit", "absolute_hit", "breached"]
    list_select_related = ["handoff"]
    show_full_result_count = False


@admin.register(StageFiring)
class StageFiringAdmin(ReadOnlyAdmin):
    list_display = ["handoff", "cycle", "percent", "scheduled_at", "fired_at", "shadow"]
    list_filter = ["shadow", "percent"]
    list_select_related = ["handoff"]
    show_full_result_count = False


@admin.register(Fact)
class FactAdmin(ReadOnlyAdmin):
    list_display = ["kind", "handoff", "occurred_at", "claimed_by", "resolved_at"]
    list_filter = ["kind"]
    list_select_related = ["handoff"]
    show_full_result_count = False


@admin.register(CaseEvent)
class CaseEventAdmin(ReadOnlyAdmin):
    list_display = ["case_id", "event_name", "lifecycle", "occurred_at", "actor_kind", "source"]
    search_fields = ["=case_id", "=trace_id"]
    show_full_result_count = False


@admin.register(BreachReason)
class BreachReasonAdmin(ReadOnlyAdmin):
    list_display = ["label", "slug", "active", "position"]
    list_filter = ["active"]
