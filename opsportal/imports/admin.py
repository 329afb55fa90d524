"""Imports in the admin: looked at, never edited."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from opsportal.imports.models import ImportBatch
from opsportal.web.admin import ReadOnlyAdmin


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ["file_name", "kind", "state", "about", "live", "by_label", "uploaded_at", "imported_at"]
    list_filter = ["state", "kind", "live"]
    search_fields = ["file_name"]
    exclude = ["content", "sha256"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content")
