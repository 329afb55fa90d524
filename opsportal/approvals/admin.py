"""Approvals in the admin: looked at, never edited."""

from django.contrib import admin

from opsportal.approvals.models import Approval
from opsportal.web.admin import ReadOnlyAdmin


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["title", "kind", "risk", "state", "requested_by", "requested_at", "decided_by", "expires_at"]
    list_filter = ["state", "risk", "kind"]
    search_fields = ["title", "=subject_id"]
    list_select_related = ["requested_by", "decided_by"]
