"""Runbooks in the admin: looked at, never edited. They are written on their own pages."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models.library import (
    Runbook,
    RunbookDraw,
    RunbookLink,
    RunbookRevision,
    RunbookStep,
    RunbookValidation,
    StepReport,
)


@admin.register(Runbook)
class RunbookAdmin(ReadOnlyAdmin):
    list_display = ["title", "slug", "kind", "form", "team", "published_number", "stale_at", "retired_at"]
    list_select_related = ["team"]
    list_filter = ["kind", "form"]
    search_fields = ["title", "slug"]


@admin.register(RunbookLink)
class RunbookLinkAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "kind", "slug"]
    list_select_related = ["runbook"]
    list_filter = ["kind"]


@admin.register(RunbookRevision)
class RunbookRevisionAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "number", "state", "author", "created_at", "published_by", "published_at"]
    list_select_related = ["runbook", "author", "published_by"]
    list_filter = ["state"]


@admin.register(RunbookStep)
class RunbookStepAdmin(ReadOnlyAdmin):
    list_display = ["title", "revision", "section", "number", "key", "changed_in"]
    list_select_related = ["revision__runbook"]


@admin.register(StepReport)
class StepReportAdmin(ReadOnlyAdmin):
    list_display = ["title", "runbook", "words", "reported_label", "reported_at", "resolved_at"]
    list_select_related = ["runbook"]


@admin.register(RunbookValidation)
class RunbookValidationAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "how", "holds", "person_label", "at"]
    list_select_related = ["runbook"]


@admin.register(RunbookDraw)
class RunbookDrawAdmin(ReadOnlyAdmin):
    list_display = ["month", "runbook", "drawn_at", "validation"]
    list_select_related = ["runbook", "validation__runbook"]
