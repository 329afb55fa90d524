"""The portal's own pages as people see them: no violation of the policy, no finding of axe, any scheme and width."""

from datetime import timedelta

import pytest

from handoffs.sweep import sweep_handoffs
from opsportal import clock
from tests.browser import PHONE, WIDE
from tests.factories.handoffs import make_handoff, make_rule
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def busy(visitor):
    """Somebody with a full plate, signed in."""
    now, team = clock.now(), make_team("revops")
    ada = make_person("ada", name="Ada Okafor", team=team, timezone="Europe/Berlin")
    mei = make_person("mei", name="Mei Lin", team=team)
    rule = make_rule("speed-to-lead", team=team, now=now - timedelta(days=9))
    for number, minutes in enumerate((3, 12, 28, 31, 45, 70)):
        at = now - timedelta(minutes=minutes)
        owner, backup = (ada, mei) if number % 2 else (mei, ada)
        subject = f"Lead {number} <b>& Söhne</b>"
        make_handoff(rule, subject=subject, owner=owner, backup_owner=backup, started_at=at, now=at, trace_id="day-1")
    sweep_handoffs(now)
    visitor.sign_in(ada)
    return visitor


@pytest.mark.parametrize("address", ["/", "/search/?q=lead", "/search/", "/trace/day-1/", "/trace/nothing/"])
def test_a_page_is_clean(busy, address):
    busy.open(address)
    for scheme in ("light", "dark"):
        for size in (WIDE, PHONE):
            busy.screenshot(f"portal {address}", scheme=scheme, size=size)
    busy.check()


def test_the_menu_opens_on_a_phone(busy):
    busy.page.set_viewport_size({"width": 390, "height": 844})
    busy.open("/")
    link = busy.page.get_by_role("link", name="Handoffs", exact=True)
    assert not link.is_visible()
    busy.page.get_by_role("button", name="Menu").click()
    assert link.is_visible()
    busy.page.keyboard.press("Escape")
    assert not link.is_visible()


def test_a_slash_goes_to_the_search(busy):
    busy.open("/")
    busy.page.keyboard.press("/")
    busy.page.keyboard.type("lead 3")
    busy.page.keyboard.press("Enter")
    busy.page.wait_for_url("**/search/?q=lead+3")


def test_colours_are_switched_without_a_script(chromium, live_server, busy):
    from tests.browser import Visitor

    plain = Visitor(chromium, live_server.url, java_script_enabled=False)
    plain.sign_in(make_person())
    plain.open("/")
    plain.page.get_by_role("button", name="Dark").click()
    assert plain.page.locator("html[data-theme=dark]").count() == 1
    plain.context.close()
