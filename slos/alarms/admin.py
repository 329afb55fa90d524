"""Facts and watches in the admin: looked at, never edited."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from slos.models import Fact, Watch


@admin.register(Fact)
class FactAdmin(ReadOnlyAdmin):
    list_display = ["sentence", "kind", "automation", "occurred_at", "ended_at", "told_at", "claimed_by"]
    list_select_related = ["automation"]
    list_filter = ["kind"]
    search_fields = ["sentence", "=key"]
    show_full_result_count = False


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    list_display = ["automation", "watches_volume", "volume_rule", "watches_drift", "looked_until"]
    list_select_related = ["automation"]
