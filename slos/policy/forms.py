"""Forms of the policy pages: a dry run over history, an override, a commitment."""

from django import forms

from opsportal.web.forms import DateTimeField, Form, ReasonField
from slos.models import Policy


class DryRunForm(Form):
    """A GET form. Days are those that ended in the span."""

    policy = forms.ModelChoiceField(queryset=Policy.objects.none(), to_field_name="slug", empty_label=None)
    days = forms.IntegerField(
        min_value=1, max_value=400, initial=90, label="Days back", help_text="Days that are over, counted from now."
    )


class OverrideForm(Form):
    until = DateTimeField(label="Set aside until")
    reason = ReasonField(max_length=240, label="Why", help_text="A second person reads this and decides.")


class CommitmentForm(Form):
    commitment = ReasonField(
        max_length=240,
        label="What leadership commits to",
        help_text="Such as: no new automations before routing is stable; two people on it this sprint.",
    )
