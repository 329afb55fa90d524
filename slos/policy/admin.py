"""Policies are edited here through the same operations as everywhere; decisions are only read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from opsportal import clock
from opsportal.errors import DomainError, InvalidInputs
from opsportal.identity.actors import actor_of
from opsportal.web.admin import ReadOnlyAdmin
from slos.models import BudgetFreeze, Decision, Policy
from slos.policy import operations

FIELDS = ["slug", "name", "description", "scope", "team", "automation", "rules"]


class PolicyAdminForm(forms.ModelForm):  # type: ignore[type-arg]
    """Saves through the operations, so versions and the trail hold here too; a refusal is shown at its field."""

    class Meta:
        model = Policy
        fields = FIELDS

    request: HttpRequest

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

    def _write(self, values: dict[str, Any]) -> Policy:
        who: dict[str, Any] = {"actor": actor_of(self.request), "now": clock.now()}
        slug = values.pop("slug", "")
        terms = operations.Terms(**values)
        if self.instance.pk is None:
            return operations.create_policy(slug=slug, terms=terms, **who)
        return operations.change_policy(self.instance, terms=terms, **who)


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = PolicyAdminForm
    list_display = ["name", "slug", "state", "version", "scope", "team", "automation"]
    list_filter = ["state", "scope"]
    list_select_related = ["team", "automation"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's operation has written it already."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["day", "verdict", "held", "rule", "automation", "slo", "sentence"]
    list_filter = ["verdict", "held", "rule"]
    list_select_related = ["automation", "slo"]
    date_hierarchy = "at"


@admin.register(BudgetFreeze)
class BudgetFreezeAdmin(ReadOnlyAdmin):
    list_display = ["freeze", "policy", "rule", "slo", "day", "ended_at"]
    list_select_related = ["freeze", "policy", "slo"]
