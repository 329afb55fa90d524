"""Facts of this room, to be looked at. Integrations are made on their own page, which checks and encrypts."""

from django.contrib import admin

from opsportal.integrations.models import Integration, ReceivedMessage
from opsportal.web.admin import ReadOnlyAdmin


@admin.register(Integration)
class IntegrationAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "source", "team", "created_at", "last_seen_at", "disabled_at")
    list_filter = ("kind",)
    exclude = ("key", "secret", "previous_secret")


@admin.register(ReceivedMessage)
class ReceivedMessageAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "integration", "received_at", "trace_id")
    search_fields = ("message_id", "trace_id")
    list_select_related = ("integration",)
    exclude = ("body_hash",)
    show_full_result_count = False
