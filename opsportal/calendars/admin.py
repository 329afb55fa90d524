"""Name and team are changed here through the operation; hours are changed in the editor, versions are only read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from opsportal import clock
from opsportal.calendars import operations, queries
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of


class CalendarAdminForm(forms.ModelForm):  # type: ignore[type-arg]
    """Saves through the operation, so the trail knows of it; a refusal is shown at its field."""

    class Meta:
        model = Calendar
        fields = ["name", "team"]

    request: HttpRequest

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                operations.revise_calendar(self.instance, **values, actor=actor_of(self.request), now=clock.now())
            except DomainError as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        return values

    def _post_clean(self) -> None:
        """Nothing is set on the instance beside the operation."""


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
class CalendarAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = CalendarAdminForm
    inlines = [VersionInline]
    list_display = ["name", "slug", "team"]
    list_filter = ["team"]
    list_select_related = ["team"]
    search_fields = ["name", "slug"]
    readonly_fields = ["slug", "created_at"]
    fields = ["name", "team", "slug", "created_at"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's operation has written it already."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        person = principal_of(request)
        return obj is not None and person is not None and queries.may_configure(person, obj.team_id)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("calendars.view_calendar")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
