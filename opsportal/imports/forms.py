"""What people say about a file: which one, how its times are written, which column is which field."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from opsportal.errors import InvalidInput
from opsportal.identity.actors import Principal
from opsportal.imports import cells
from opsportal.imports.columns import KEPT, LEFT_OUT, Field, check
from opsportal.web import forms as web

ORDERS = [
    (cells.NOT_SAID, "with the year first, or with dots: 2026-04-03, 03.04.2026"),
    (cells.DAY_FIRST, "with the day first: 03/04/2026 is 3 April"),
    (cells.MONTH_FIRST, "with the month first: 03/04/2026 is 4 March"),
]
# With more columns than this a list of choices for each would make a page of hundreds of kilobytes: they share one.
WIDE = 50


class UploadForm(web.Form):
    file = forms.FileField(
        label="CSV file",
        help_text="UTF-8, at most 10 MB and 20,000 rows; the first line names the columns.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
        error_messages={"required": "Choose a file.", "empty": "This file is empty."},
    )


class OptionsForm(web.Form):
    """How a file is to be read. Kinds add fields of their own; `options` answers all of them as plain JSON values."""

    timezone = forms.CharField(
        label="Time zone", max_length=60, help_text="Of times that say no offset, such as Europe/Amsterdam."
    )
    dates = forms.ChoiceField(label="Dates are written", choices=ORDERS, required=False)

    def __init__(self, *args: Any, principal: Principal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal
        self.fields["timezone"].initial = timezone.get_current_timezone_name()

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"])
        try:
            ZoneInfo(name)
        except (ValueError, KeyError, OSError):
            raise forms.ValidationError("There is no such time zone.") from None
        return name

    def options(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    @staticmethod
    def initial_of(options: Mapping[str, Any]) -> dict[str, Any]:
        """Stored options as the form's initial values."""
        return dict(options)

    @staticmethod
    def defaults() -> dict[str, Any]:
        """What the upload page does not ask: the file itself tells, or the page after it does."""
        return {"timezone": timezone.get_current_timezone_name(), "dates": cells.NOT_SAID}


class MappingForm(web.Form):
    """One choice for each column; the label is its heading."""

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        *,
        headings: Sequence[str],
        mapping: Sequence[str],
        fields: Sequence[Field],
        keeps_extras: bool,
    ) -> None:
        super().__init__(data)
        self.headings, self.known, self.keeps_extras = headings, fields, keeps_extras
        choices = [(LEFT_OUT, "left out")]
        choices += [(field.name, field.label) for field in fields]
        choices += [(KEPT, "kept as an attribute")] if keeps_extras else []
        self.choices = choices if len(headings) > WIDE else []
        for at, (heading, name) in enumerate(zip(headings, mapping, strict=True)):
            self.fields[f"column_{at}"] = forms.ChoiceField(
                label=heading,
                choices=choices,
                initial=name,
                required=False,
                widget=forms.TextInput(attrs={"list": "fields"}) if self.choices else forms.Select(),
            )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                check(self.mapping(), self.headings, self.known, keeps_extras=self.keeps_extras)
            except InvalidInput as error:
                raise forms.ValidationError(error.message) from None
        return data

    def mapping(self) -> list[str]:
        return [self.cleaned_data[f"column_{at}"] for at in range(len(self.headings))]
