"""Forms of the report pages."""

from django import forms

from opsportal.web.forms import Form


class ShareForm(Form):
    label = forms.CharField(max_length=120, label="For whom")
    days = forms.IntegerField(min_value=1, max_value=90, initial=14, label="Days it lasts")
