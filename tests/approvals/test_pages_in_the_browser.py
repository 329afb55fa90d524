from datetime import timedelta

import pytest
from django.urls import reverse

from opsportal import clock
from opsportal.approvals.models import Approval
from tests.browser import PHONE
from tests.factories.approvals import approve, ask

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CONTENT = {
    "payloads": 14,
    "target": "https://crm.example.org/hooks/lead",
    "dry_run": False,
    "plan": {"keys": ["lead-1", "lead-2"], "rate_per_minute": 60, "first": {"id": "0193", "subject": "Acme Ltd"}},
}


@pytest.fixture
def requests(owner, leader, second_leader):
    """One dangerous, one guarded, one of the leader's own, one decided."""
    now = clock.now()
    approve(ask(owner, now=now, title="Exclude an outage from the budget"), second_leader, now=now)
    ask(leader, now=now, title="End the freeze of EMEA early", consequence="End the freeze today")
    ask(owner, now=now, title="Make speed-to-lead a P0", consequence="Raise the tier to P0")
    title = "Replay what the CRM lost this morning"
    return ask(owner, now=now - timedelta(hours=3, minutes=50), title=title, content=CONTENT, risk="dangerous")


def test_the_inbox(visitor, leader, requests):
    visitor.sign_in(leader)
    visitor.open("/approvals/")
    for scheme in ("light", "dark"):
        visitor.screenshot("approvals", scheme=scheme)
    visitor.screenshot("approvals", size=PHONE)
    visitor.check()


def test_deciding(visitor, leader, requests):
    visitor.sign_in(leader)
    visitor.open(reverse("approvals:approval", args=[requests.pk]))
    for scheme in ("light", "dark"):
        visitor.screenshot("approval", scheme=scheme)
    visitor.screenshot("approval", size=PHONE)
    visitor.check()
    visitor.page.get_by_role("button", name="Refuse").click()
    visitor.screenshot("approval without a reason")
    visitor.check()
    visitor.page.get_by_label("Reason").fill("The target changed since")
    visitor.page.get_by_role("button", name="Refuse").click()
    assert visitor.page.get_by_text("The target changed since").first.is_visible()
    visitor.screenshot("approval refused")
    visitor.check()
    assert Approval.objects.get(pk=requests.pk).state == "refused"


def test_ones_own_request(visitor, owner, requests):
    visitor.sign_in(owner)
    visitor.open(reverse("approvals:approval", args=[requests.pk]))
    visitor.screenshot("approval of ones own")
    visitor.check()
