"""Heartbeats are shown here and changed on their pages, through the operations; pings and changes are facts."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from slos.models import Flip, Heartbeat, Ping


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["slug", "name", "status", "kind", "due_at", "last_ping_at", "automation"]
    list_filter = ["status", "kind"]
    list_select_related = ["automation"]
    search_fields = ["slug", "name"]
    exclude = ["code", "badge_key"]  # whoever knows the code can ping


@admin.register(Flip)
class FlipAdmin(ReadOnlyAdmin):
    list_display = ["heartbeat", "at", "from_status", "to_status", "reason"]
    list_filter = ["to_status", "reason"]
    list_select_related = ["heartbeat"]


@admin.register(Ping)
class PingAdmin(ReadOnlyAdmin):
    list_display = ["heartbeat", "n", "kind", "at", "exit_status"]
    list_filter = ["kind"]
    list_select_related = ["heartbeat"]
    exclude = ["body"]
    show_full_result_count = False
