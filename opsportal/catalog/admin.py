"""Automations are edited here through the same operations as everywhere; freezes are only read here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from opsportal import clock
from opsportal.catalog import operations
from opsportal.catalog.models import Automation, Freeze
from opsportal.errors import DomainError, InvalidInputs
from opsportal.identity.actors import actor_of

# What an empty field of the form means.
EMPTY: dict[str, Any] = {"links": [], "journeys": [], "limits": {}, "currency": "USD"}


class AutomationAdminForm(forms.ModelForm):  # type: ignore[type-arg]
    """Saves through the operations, so the gate and the trail hold here too; a refusal is shown at its field."""

    class Meta:
        model = Automation
        fields = ["slug", *(name for name in operations.FIELDS if name != "raci")]

    request: HttpRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].required = False

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return values
        try:
            self.instance = self._write(dict(values))
        except DomainError as error:
            for each in error.errors if isinstance(error, InvalidInputs) else [error]:
                self.add_error(each.field if each.field in self.fields else None, each.message)
        return values

    def _post_clean(self) -> None:
        """Nothing is set on the instance beside the operation."""

    def _write(self, values: dict[str, Any]) -> Automation:
        actor, now = actor_of(self.request), clock.now()
        values |= {name: values[name] or empty for name, empty in EMPTY.items()}
        if self.instance.pk is None:
            return operations.create_automation(**values, actor=actor, now=now)
        values.pop("slug", None)
        return operations.change_automation(self.instance, values=values, actor=actor, now=now)


@admin.register(Automation)
class AutomationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = AutomationAdminForm
    list_display = ["name", "slug", "state", "tier", "platform", "team", "owner", "backup_owner"]
    list_filter = ["state", "tier", "platform", "team"]
    list_select_related = ["team", "owner", "backup_owner"]
    search_fields = ["slug", "name"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's operation has written it already."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Freeze)
class FreezeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["scope", "team", "automation", "kind", "from_at", "until", "reason", "lifted_at"]
    list_filter = ["scope", "kind"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
