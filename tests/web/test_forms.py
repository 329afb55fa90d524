"""Forms: labels, hints, refusals at their fields; datetimes in the person's zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import Context, Template
from django.utils import timezone

from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.web.forms import DateTimeField, Form, ReasonField, refuse

HOSTILE = "<script>alert(1)</script>"


class SampleForm(Form):
    owner = forms.CharField(help_text="Who answers.")
    starts = DateTimeField(required=False)
    kind = forms.ChoiceField(choices=[("a", HOSTILE)], widget=forms.RadioSelect, required=False)
    sure = forms.BooleanField(required=False)
    reason = ReasonField(required=False)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def draw(form):
    source = "{% load ui %}{% for bound in form %}{% field bound %}{% endfor %}"
    return Template(source).render(Context({"form": form}))


def test_a_domain_error_stands_at_its_field():
    form = SampleForm({"owner": "bo"})
    refuse(form, InvalidInput("absent", "Bo is away.", field="owner"))
    assert form.errors == {"owner": ["Bo is away."]}
    page = draw(form)
    assert 'aria-invalid="true"' in page
    assert 'aria-describedby="id_owner_helptext id_owner_error"' in page
    assert 'id="id_owner_error"' in page


def test_an_error_without_a_field_of_this_form_stands_above_it():
    form = SampleForm({"owner": "bo"})
    refuse(form, Conflict("moved", "It has moved on.", field="state"))
    assert form.non_field_errors() == ["It has moved on."]


def test_several_errors_find_their_fields():
    form = SampleForm({"owner": "bo"})
    refuse(form, InvalidInputs([InvalidInput("a", "One.", field="owner"), InvalidInput("b", "Two.", field="reason")]))
    assert form.errors == {"owner": ["One."], "reason": ["Two."]}


def test_a_missing_value_is_asked_for_plainly():
    assert SampleForm({}).errors["owner"] == ["This is needed."]


def test_a_datetime_is_typed_in_the_persons_zone_and_shown_so_again():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        form = SampleForm({"owner": "bo", "starts": "2026-11-03T10:00"})
        assert form.is_valid()
        assert form.cleaned_data["starts"] == datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
        assert "In your time zone, Europe/Berlin." in draw(form)
        again = SampleForm(initial={"starts": datetime(2026, 11, 3, 9, 0, tzinfo=UTC)})
        assert 'value="2026-11-03T10:00"' in draw(again)


def test_an_hour_the_clock_skips_is_refused():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert "starts" in SampleForm({"owner": "bo", "starts": "2026-03-29T02:30"}).errors


@pytest.mark.parametrize("field", ["owner", "reason"])
def test_nul_is_refused(field):
    assert field in SampleForm({"owner": "bo", field: "a\x00b"}).errors


def test_every_kind_of_field_is_drawn_and_escaped():
    page = draw(SampleForm({"owner": HOSTILE, "reason": HOSTILE, "kind": HOSTILE}))
    assert "<script>" not in page
    assert "<fieldset" in page
    assert '<div class="check">' in page
    assert page.count("<label") >= 4
