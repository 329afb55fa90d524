"""The forms of an erasure and of checking a certificate."""

import json
from typing import Any

from django import forms as django_forms

from opsportal.web import forms


class ErasureForm(forms.Form):
    keys = django_forms.CharField(
        label="Known by",
        widget=django_forms.Textarea(attrs={"rows": 4, "autocomplete": "off"}),
        max_length=5000,
        help_text="One a line: record keys, external ids, mail addresses, the name.",
    )
    reason = forms.ReasonField(label="Why", help_text="It stays: name the request, not the person.")
    keep_held = django_forms.BooleanField(label="Leave out what a legal hold keeps", required=False)

    def clean_keys(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["keys"].splitlines() if line.strip()]


class CertificateForm(forms.Form):
    certificate = django_forms.CharField(
        label="The certificate", widget=django_forms.Textarea(attrs={"rows": 12}), max_length=200_000
    )

    def clean_certificate(self) -> Any:
        try:
            return json.loads(self.cleaned_data["certificate"])
        except (ValueError, RecursionError) as error:
            raise django_forms.ValidationError("This is no certificate.") from error
