"""Forms of executions: why it begins, how it ends."""

from django import forms

from opsportal.web.forms import Form, ReasonField


class StartForm(Form):
    reason = ReasonField(label="What is it for")
    is_drill = forms.BooleanField(
        required=False, label="This is a drill", help_text="Nothing is changed, and everything sent says DRILL."
    )


class FinishForm(Form):
    outcome = ReasonField(label="How did it end")
    holds = forms.ChoiceField(
        label="Does the runbook hold?",
        required=False,
        choices=[("", "I cannot say"), ("yes", "Every step I used is current"), ("no", "Something does not hold")],
    )


class AbandonForm(Form):
    reason = ReasonField(label="Why")
