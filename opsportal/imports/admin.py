"""Imports in the admin: looked at, never edited."""

from django.contrib import admin

from opsportal.imports.models import ImportBatch
from opsportal.web.admin import ReadOnlyAdmin


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ["file_name", "kind", "state", "about", "live", "by_label", "uploaded_at", "imported_at"]
    list_filter = ["state", "kind", "live"]
    search_fields = ["file_name"]
    exclude = ["content", "sha256"]
