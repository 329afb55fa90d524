"""Forms of the policy pages: a dry run over history, an override, a commitment."""

from collections.abc import Iterable
from typing import Any

from django import forms

from opsportal.web.forms import DateTimeField, Form, ReasonField
from slos.models import Policy


class DryRunForm(Form):
    """A GET form. Days are those that ended in the span."""

    policy = forms.ChoiceField()
    days = forms.IntegerField(min_value=1, max_value=400, initial=90, label="Days back")

    def __init__(self, *args: Any, policies: Iterable[Policy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["policy"].choices = [(policy.slug, policy.name) for policy in policies]  # type: ignore[attr-defined]


class OverrideForm(Form):
    until = DateTimeField(label="Set aside until")
    reason = ReasonField(max_length=240, label="Why", help_text="A second person reads this and decides.")


class CommitmentForm(Form):
    commitment = ReasonField(
        max_length=240,
        label="What leadership commits to",
        help_text="Such as: no new automations before routing is stable; two people on it this sprint.",
    )
