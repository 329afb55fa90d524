"""Sentences that are kept with their instants in UTC, as a person reads them."""

import pytest
from django.utils import timezone
from django.utils.html import format_html, strip_tags

from opsportal.web.templatetags.ui import in_zone


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        ("It was due at 2020-11-21 19:02:15 UTC.", "It was due at Sat 21 Nov 2020, 20:02 CET."),
        ("It ends at 2020-07-25T12:00:00Z", "It ends at Sat 25 Jul 2020, 14:00 CEST"),
        ("35% are bad since 2020-11-15, 2% were usual.", "35% are bad since 15 Nov 2020, 2% were usual."),
        (
            "Day 2020-02-31 is none, and 1-2020-11-15x is no day.",
            "Day 2020-02-31 is none, and 1-2020-11-15x is no day.",
        ),
        ("Nothing of the kind", "Nothing of the kind"),
    ],
)
def test_instants_are_told_in_the_zone_of_the_person(kept: str, read: str):
    with timezone.override("Europe/Berlin"):
        assert strip_tags(in_zone(kept)) == read


def test_what_somebody_wrote_is_escaped_and_what_is_markup_stays():
    assert in_zone("<b> 2020-11-15") == "&lt;b&gt; 15 Nov 2020"
    assert in_zone(format_html("<b>{}</b>", "2020-11-15")) == "<b>2020-11-15</b>"


def test_the_instant_itself_stays_within_reach():
    assert 'datetime="2020-11-21T19:02:15Z" title="2020-11-21 19:02:15 UTC"' in in_zone("2020-11-21 19:02:15 UTC")
