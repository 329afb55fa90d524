"""The queue in the admin: facts, read-only, without a payload and without what lets one go."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models import Attempt, Delivered, Release, ReplayItem


@admin.register(ReplayItem)
class ReplayItemAdmin(ReadOnlyAdmin):
    list_display = ["id", "target", "state", "sequence", "attempts", "error_class", "received_at", "automation"]
    list_filter = ["state"]
    list_select_related = ["target", "automation"]
    exclude = ["authority", "lease_token"]
    show_full_result_count = False


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ["id", "target", "kind", "item_count", "requested_by", "created_at"]
    list_select_related = ["target", "requested_by"]


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["item", "number", "started_at", "finished_at", "outcome", "status", "was_late"]
    list_select_related = ["item"]
    exclude = ["lease_token"]
    show_full_result_count = False


@admin.register(Delivered)
class DeliveredAdmin(ReadOnlyAdmin):
    list_display = ["webhook_id", "target", "how", "at"]
    list_filter = ["how"]
    list_select_related = ["target"]
    show_full_result_count = False
