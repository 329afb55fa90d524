"""Plans in the admin: facts, read-only; a plan is moved on its page, where the rules are asked."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models import PlanItem, ReplayPlan


@admin.register(ReplayPlan)
class ReplayPlanAdmin(ReadOnlyAdmin):
    list_display = ["id", "target", "state", "item_count", "requester_label", "created_at", "started_at", "finished_at"]
    list_filter = ["state"]
    list_select_related = ["target"]


@admin.register(PlanItem)
class PlanItemAdmin(ReadOnlyAdmin):
    list_display = ["plan", "position", "item", "finding", "is_canary", "is_overtaken", "let_go_at"]
    list_select_related = ["plan", "item"]
    show_full_result_count = False
