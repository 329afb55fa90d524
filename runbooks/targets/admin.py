"""Targets in the admin: looked at here, changed on their pages; the secret is not shown."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models import ReplayTarget, TargetHealth


@admin.register(ReplayTarget)
class ReplayTargetAdmin(ReadOnlyAdmin):
    list_display = ["slug", "name", "url", "automation", "rate_per_minute", "idempotent", "stopped_at"]
    list_filter = ["idempotent", "backup_mode"]
    list_select_related = ["automation"]
    search_fields = ["slug", "name"]
    exclude = ["signing_secret"]


@admin.register(TargetHealth)
class TargetHealthAdmin(ReadOnlyAdmin):
    list_display = ["target", "failures", "opened_at", "probe_at", "last_success_at", "last_failure_at"]
    list_select_related = ["target"]
