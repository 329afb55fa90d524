"""Saying yes to a proposal, or no."""

from django import forms

from opsportal.web.forms import Form, ReasonField


class StartForm(Form):
    reason = ReasonField(label="Why you start it")
    confirmed = forms.BooleanField(required=False, label="I mean it: carry out what is listed above")


class DeclineForm(Form):
    reason = ReasonField(label="Why not")
