"""Runs and queues in the admin: looked at, never edited."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from slos.models import QueueGauge, Run


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ["run_id", "automation", "status", "started_at", "finished_at", "error_type"]
    list_filter = ["status", "automation"]
    list_select_related = ["automation"]
    search_fields = ["=run_id", "=correlation_id"]
    show_full_result_count = False


@admin.register(QueueGauge)
class QueueGaugeAdmin(ReadOnlyAdmin):
    list_display = ["automation", "depth", "oldest_age_seconds", "reported_at"]
    list_select_related = ["automation"]
