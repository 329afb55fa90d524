"""The decision on one approval."""

from typing import Any

from django import forms

from opsportal.web.forms import Form, ReasonField


class DecisionForm(Form):
    """`decision` comes from the button. The password is asked for when it is needed, and checked by the view."""

    decision = forms.ChoiceField(
        choices=[(name, name) for name in ("approve", "refuse", "withdraw")], widget=forms.HiddenInput, required=True
    )
    reason = ReasonField(required=False, help_text="Kept in the audit trail. Needed when you refuse.")

    def __init__(self, *args: Any, asks_password: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if asks_password or self.data.get("password"):
            self.ask_password()

    def ask_password(self) -> None:
        self.fields["password"] = forms.CharField(
            label="Your password",
            required=False,
            strip=False,
            max_length=200,
            widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
            help_text="Needed to approve: this is dangerous, and you entered it more than ten minutes ago.",
        )
