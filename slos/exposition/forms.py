"""The form that names the automation a workflow is."""

from typing import Any

from django import forms

from opsportal.catalog.models import Automation
from opsportal.identity.actors import Principal
from opsportal.web.forms import Form


class NameWorkflowForm(Form):
    automation = forms.ModelChoiceField(Automation.objects.none(), help_text="Its kept failures become runs of it.")

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["automation"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Automation.objects.visible_to(principal).order_by("name")
