"""Form bases: one look, hints and errors wired to their fields, datetimes in the person's zone.

Rendering is `{% field form.name %}` or the whole form by `web/form.html`. Every form works without JavaScript.
"""

from typing import Any, TypeVar

from django import forms
from django.db.models import Model
from django.utils import timezone

from opsportal.errors import DomainError, InvalidInputs

M = TypeVar("M", bound=Model)


class Looks:
    """Gives widgets what the stylesheet and the browser need; changes nothing about validation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            _dress(name, field)


class Form(Looks, forms.Form):
    """A form of our pages."""


class ModelForm(Looks, forms.ModelForm[M]):
    """A form over a model. It validates only: saving is the operation's business."""


class DateTimeField(forms.DateTimeField):
    """An instant typed as local time of the person's zone; the hint names the zone."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "60"}, format="%Y-%m-%dT%H:%M")
        super().__init__(**{"widget": widget, **kwargs})


class DateField(forms.DateField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs})


class ReasonField(forms.CharField):
    """Why something is done: one line or a few, kept in the audit trail."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {"max_length": 500, "widget": forms.Textarea(attrs={"rows": 2})}
        super().__init__(**{**defaults, **kwargs})


def refuse(form: forms.BaseForm, error: DomainError) -> None:
    """Show a domain error where it belongs: at its field, or above the form when the form has no such field."""
    for each in error.errors if isinstance(error, InvalidInputs) else [error]:
        form.add_error(each.field if each.field in form.fields else None, each.message)


def _dress(name: str, field: forms.Field) -> None:
    if isinstance(field, DateTimeField) and not field.help_text:
        field.help_text = f"In your time zone, {timezone.get_current_timezone_name()}."
    if isinstance(field.widget, forms.Textarea):
        field.widget.attrs.pop("cols", None)
    if field.error_messages.get("required") == forms.Field.default_error_messages["required"]:
        field.error_messages["required"] = "This is needed."
    if name in ("username", "email", "password"):
        return
    field.widget.attrs.setdefault("autocomplete", "off")
