"""The pages of policy and leadership in a real browser: no finding of axe, nothing blocked, one sheet of paper."""

import re
from datetime import timedelta

import pytest

from opsportal import clock
from slos.budgets.sweep import sweep_rollups
from slos.policy.sweep import sweep_policies
from slos.reports import links
from slos.reports import operations as reports
from tests.browser import PHONE, WIDE
from tests.factories import policy as make
from tests.factories.catalog import make_automation
from tests.slos.test_policy_pages import House

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = timedelta(days=1)
NAMES = ("Lifecycle nurture", "Deal sync", "Order to ship", "Ticket to resolution", "Renewal reminders", "Lead scoring")


@pytest.fixture(autouse=True)
def _plain_names(settings) -> None:
    """The test server finds static files by their plain names only."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def house(live_server) -> House:
    """Six more workflows: calm ones, one running low, one that nothing is known of."""
    house = House()
    yesterday = clock.now().date() - DAY
    for number, name in enumerate(NAMES):
        slo = make.make_slo(make_automation(name.lower().replace(" ", "-"), name=name, team=house.automation.team))
        if number:
            make.burn_days(slo, yesterday, *[0.4 + 0.1 * number] * 24)
    sweep_rollups(clock.now())
    sweep_policies(clock.now())
    return house


def pages(house: House) -> list[str]:
    return [
        "/policy/",
        "/policy/decisions/",
        f"/policy/decisions/{house.decision.pk}/",
        "/policy/dry-run/?policy=error-budget-policy&days=30",
        f"/policy/freezes/{house.freeze.pk}/",
        "/budgets/",
        "/executive/",
        "/debug/",
    ]


def test_every_page_is_clean(visitor, house: House):
    visitor.sign_in(house.ops_lead)
    found = []
    for number, path in enumerate(pages(house)):
        visitor.open(path)
        for scheme, size in (("light", WIDE), ("dark", WIDE), ("light", PHONE)):
            visitor.screenshot(f"policy-{number}", scheme=scheme, size=size)
        try:
            visitor.check()
        except AssertionError as finding:
            found.append(str(finding)[:1500])
    assert not found, "\n".join(found)


def test_the_shared_copy_is_clean_and_prints_on_one_sheet(visitor, house: House):
    link = reports.share_budgets(person=house.leader, label="Monday meeting", days=7, now=clock.now())
    visitor.open(f"/shared/budgets/{links.token_of(link)}/")
    visitor.check()
    assert visitor.page.locator("a[href^='/']").count() <= 1  # the one that skips to the content
    printed = visitor.page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


def test_asking_for_an_override_by_keyboard_and_form(visitor, house: House):
    visitor.sign_in(house.owner)
    visitor.open(f"/policy/freezes/{house.freeze.pk}/")
    visitor.page.fill("[name=until]", (clock.now() + 2 * DAY).strftime("%Y-%m-%dT%H:%M"))
    visitor.page.fill("[name=reason]", "The fair in Berlin")
    visitor.page.click("text=Ask a second person")
    visitor.page.wait_for_url("**/approvals/*/")
    assert visitor.page.locator("text=The fair in Berlin").count() > 0
