"""Webhooks in the admin: looked at here, changed on their pages; the secret is not shown."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models import Webhook


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ["slug", "name", "url", "automation", "is_dangerous", "idempotent", "retired_at"]
    list_filter = ["is_dangerous", "idempotent"]
    list_select_related = ["automation"]
    search_fields = ["slug", "name"]
    exclude = ["signing_secret"]
