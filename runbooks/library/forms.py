"""Forms of the library: a text with its note, a reason, what is wrong with a step, files to bring in."""

from typing import Any

from django import forms

from opsportal.catalog.models import SLUG
from opsportal.web.forms import Form, ReasonField
from runbooks.library.engine.markdown import MOST_CHARACTERS
from runbooks.models.library import RunbookValidation


class TextForm(Form):
    """The text of a runbook. A browser sends every line end as CR LF; what comes out has those of the former text."""

    slug = forms.CharField(
        max_length=80,
        validators=[SLUG],
        label="Name in addresses",
        help_text="Lower-case letters, digits, hyphens. It stays.",
    )
    text = forms.CharField(
        strip=False,
        max_length=2 * MOST_CHARACTERS,
        help_text="Markdown. Steps are numbered lines below Diagnostics, Remediation and Rollback.",
        widget=forms.Textarea(attrs={"rows": 28, "class": "code", "spellcheck": "true"}),
    )
    note = forms.CharField(max_length=240, required=False, label="What changed", help_text="One line for the history.")
    base = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)

    def __init__(self, *args: Any, former: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.former = former
        if former is not None:
            del self.fields["slug"]

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        return text.replace("\n", "\r\n") if self.former is not None and "\r\n" in self.former else text


class OptionalReasonForm(Form):
    reason = ReasonField(required=False, label="Why")


class NeededReasonForm(Form):
    reason = ReasonField(label="Why")


class WrongStepForm(Form):
    words = forms.CharField(
        max_length=1000, label="What is wrong with it", widget=forms.Textarea(attrs={"rows": 3, "maxlength": 1000})
    )


class AnswerForm(Form):
    resolution = ReasonField(label="What came of it")


class ValidationForm(Form):
    how = forms.ChoiceField(choices=RunbookValidation.How.choices, label="How")
    holds = forms.TypedChoiceField(
        choices=[("yes", "Every step is current"), ("no", "Something does not hold")],
        coerce=lambda value: value == "yes",
        label="What came of it",
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        max_length=500, required=False, label="Remark", widget=forms.Textarea(attrs={"rows": 2, "maxlength": 500})
    )


class DeriveForm(Form):
    title = forms.CharField(max_length=120)
    slug = forms.CharField(max_length=80, validators=[SLUG], label="Name in addresses")


class FilesForm(Form):
    file = forms.FileField(
        label="A zip or a Markdown file",
        help_text="A folder from git, or what Notion exports as Markdown. Nothing is published by this.",
    )
