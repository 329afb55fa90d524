"""Executions in the admin: facts, looked at and never edited."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models import Execution, ExecutionStep


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "reason", "state", "is_drill", "started_label", "started_at", "finished_at"]
    list_select_related = ["runbook"]
    list_filter = ["state", "is_drill"]


@admin.register(ExecutionStep)
class ExecutionStepAdmin(ReadOnlyAdmin):
    list_display = ["title", "execution", "state", "person_label", "at", "ran_at", "result"]
    list_select_related = ["execution__runbook"]
    list_filter = ["state"]
