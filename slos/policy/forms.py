"""Forms of the policy pages: a dry run over history, an override, a commitment."""

from collections.abc import Iterable
from typing import Any

from django import forms

from opsportal.catalog.models import Freeze
from opsportal.web.forms import DateTimeField, Form, ReasonField
from slos.models import Policy
from slos.policy import words


class DryRunForm(Form):
    """A GET form. Days are those that ended in the span."""

    policy = forms.ChoiceField()
    days = forms.IntegerField(min_value=1, max_value=400, initial=90, label="Days back")

    def __init__(self, *args: Any, policies: Iterable[Policy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["policy"].choices = [(policy.slug, policy.name) for policy in policies]  # type: ignore[attr-defined]


class OverrideForm(Form):
    """`also`: other freezes over the same, decided together with this one."""

    until = DateTimeField(label="Set aside until")
    reason = ReasonField(max_length=240, label="Why", help_text="A second person reads this and decides.")
    also = forms.TypedMultipleChoiceField(
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="With it",
        help_text="Freezes over the same. Each is set aside until its own end at the latest.",
    )

    def __init__(self, *args: Any, others: Iterable[Freeze] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._others = {one.pk: one for one in others}
        if self._others:
            choices = [
                (key, f"Freeze {key} of {words.scope_of(one)}: {one.reason}") for key, one in self._others.items()
            ]
            self.fields["also"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["also"]

    def clean_also(self) -> list[Freeze]:
        return [self._others[key] for key in self.cleaned_data["also"]]


class CommitmentForm(Form):
    commitment = ReasonField(
        max_length=240,
        label="What leadership commits to",
        help_text="Such as: no new automations before routing is stable; two people on it this sprint.",
    )
