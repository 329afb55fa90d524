"""The hit rate as it is looked at: light, dark, on a phone and on paper, without a script and with one."""

from datetime import timedelta

import pytest

from handoffs import operations
from opsportal import clock
from opsportal.identity.roles import Role
from tests.factories import handoffs as make
from tests.factories.identity import SETUP, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def signed_in(visitor):
    now = clock.now()
    rule = make.make_rule("speed", now=now - timedelta(days=40))
    for number in range(6):
        at = now - timedelta(days=3 * number, hours=1)
        channel = ("web", "mail", "")[number % 3]
        handoff = make.make_handoff(rule, started_at=at, channel=channel, attributes={"size": f"s{number % 2}"})
        if number == 4:
            operations.cancel_handoff(handoff, reason="double", actor=SETUP, now=at + timedelta(minutes=9))
        elif number:
            done = at + timedelta(minutes=12 * number)
            operations.complete_handoff(handoff, outcome="won" if number < 3 else "", actor=SETUP, now=done)
    visitor.sign_in(make_person("lea", roles=[Role.OPS_LEAD]))
    return visitor


@pytest.mark.parametrize(
    "path", ["/hit-rate/", "/hit-rate/?rule=speed", "/hit-rate/?rule=speed&by=size", "/hit-rate/records/?rule=speed"]
)
def test_the_pages_are_clean(signed_in, path):
    signed_in.open(path)
    signed_in.check()


def test_a_figure_leads_to_its_records_and_back(signed_in):
    signed_in.open("/hit-rate/?rule=speed")
    page = signed_in.page
    page.get_by_role("link", name="Cancelled: double").click()
    page.wait_for_url("**/hit-rate/records/**")
    assert page.locator("tbody tr").count() == 1
    page.get_by_role("link", name="Hit rate").first.click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Hit rate")


def test_a_point_of_the_trend_leads_to_its_week(signed_in):
    signed_in.open("/hit-rate/?rule=speed")
    page = signed_in.page
    address = page.locator(".chart-line a").first.get_attribute("href")
    signed_in.open(address)
    assert page.get_by_label("Began from").input_value()
