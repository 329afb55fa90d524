"""Name and team are changed here through the operation; hours are changed in the editor, versions are only read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from opsportal import clock
from opsportal.calendars import operations, queries
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.identity.actors import actor_of, principal_of
from opsportal.web.admin import OperationAdmin, OperationForm


class CalendarAdminForm(OperationForm):
    class Meta:
        model = Calendar
        fields = ["name", "team"]

    def write(self, values: dict[str, Any]) -> Any:
        operations.revise_calendar(self.instance, **values, actor=actor_of(self.request), now=clock.now())
        return self.instance


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = CalendarVersion
    fields = readonly_fields = ("number", "timezone", "note", "created_at", "created_by")
    ordering = ["-number"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Calendar)
class CalendarAdmin(OperationAdmin):
    form = CalendarAdminForm
    inlines = [VersionInline]
    list_display = ["name", "slug", "team"]
    list_filter = ["team"]
    list_select_related = ["team"]
    search_fields = ["name", "slug"]
    readonly_fields = ["created_at"]
    fields = ["name", "team", "slug", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        person = principal_of(request)
        return obj is not None and person is not None and queries.may_configure(person, obj.team_id)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("calendars.view_calendar")
