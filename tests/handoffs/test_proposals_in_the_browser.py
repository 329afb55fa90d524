"""A proposal from the button to the decision, as two people see it, at a desk and on a phone."""

from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.identity.roles import Role
from tests.browser import PHONE
from tests.factories.handoffs import again, make_handoff, make_rule
from tests.factories.identity import make_person, make_team

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_timer_is_proposed_and_decided(visitor):
    sales = make_team("sales")
    owner, leader = make_person("olga", team=sales), make_person("lena", roles=[Role.OPS_LEAD])
    handoff = make_handoff(
        make_rule("speed", team=sales),
        subject="Northern Wholesale and Logistics Cooperative asks for a demo of everything",
        owner=owner,
        started_at=clock.now() - timedelta(minutes=5),
    )
    page = visitor.page
    visitor.sign_in(owner)
    visitor.open(handoff.get_absolute_url())
    page.get_by_role("link", name="Propose another timer").click()
    page.get_by_label("Minutes").fill("90")
    page.get_by_label("Reason").fill("A large deal; they asked for a call after lunch")
    visitor.check()
    page.get_by_role("button", name="Propose this timer").click()
    visitor.screenshot("handoff with a proposal", size=PHONE)
    visitor.check()

    visitor.sign_in(leader)
    visitor.open("/inbox/")
    assert page.get_by_text("Olga asks for your decision").first.is_visible()
    visitor.open(handoff.get_absolute_url())
    page.get_by_role("link", name="It waits for a decision").click()
    visitor.screenshot("proposal")
    visitor.screenshot("proposal", size=PHONE)
    visitor.check()
    page.get_by_role("button", name="Approve: Set its timer to 1 h 30 min instead of 30 min").click()
    assert page.get_by_text("Approved: Set its timer to 1 h 30 min instead of 30 min.").is_visible()
    visitor.screenshot("proposal approved")
    visitor.check()
    assert again(handoff).sla_minutes == 90
