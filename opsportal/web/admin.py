"""What admin pages build on: rows that are looked at and never edited, rows that are written through operations."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from opsportal.errors import DomainError
from opsportal.web.forms import refuse
from opsportal.web.listing import CappedPaginator


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows can be found and looked at, never added, changed or deleted here. Counting them stops at 10,000."""

    paginator = CappedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OperationForm(forms.ModelForm[Any]):
    """Saves through an operation (`write`), so that rules and trail hold here too; a refusal is shown at its field."""

    request: HttpRequest

    def write(self, values: dict[str, Any]) -> Any:
        """Call the operation; answers the row as it stands now."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return values
        try:
            self.instance = self.write(dict(values))
        except DomainError as error:
            refuse(self, error)
        return values

    def _post_clean(self) -> None:
        """Nothing is set on the instance beside the operation."""


class OperationAdmin(admin.ModelAdmin[Any]):
    """Rows with a slug that are written by an OperationForm and deleted nowhere."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, *(["slug"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's operation has written it already."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
