from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.operations import erase_details
from opsportal.audit.queries import entries_about
from opsportal.audit.sealer import seal_entries
from opsportal.audit.verification import verify_stretch
from opsportal.identity.roles import Role
from tests.browser import PHONE
from tests.factories.audit import KIM, write
from tests.factories.identity import make_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def trail():
    """A believable hour: a person, a program, the worker; one entry erased, one not sealed yet."""
    now = clock.now()
    bot, ada = Actor("token", "3", "n8n production"), Subject("person", "9", "Ada")
    due = now.isoformat().replace("+00:00", "Z")
    after = {"owner": "olga", "due_at": due, "stages": ["100%", "200%"], "url": "https://crm.example.org/" + "x" * 70}
    write(subject=Subject("handoff", "h-1", "Acme Ltd"), at=now - timedelta(minutes=50))
    write(subject=Subject("handoff", "h-2", "Globex"), actor=bot, source="api", after=after, at=now)
    write(subject=ada, at=now - timedelta(minutes=30))
    erase_details(subject=ada, entries=entries_about(ada), actor=KIM, reason="Asked", now=now)
    seal_entries(now - timedelta(minutes=1))
    verify_stretch(now)
    return write(subject=Subject("handoff", "h-3", "Initech"), before={}, after={}, reason="", source="task", at=now)[0]


@pytest.fixture
def signed_in(visitor):
    visitor.sign_in(make_person("lena", roles=[Role.OPS_LEAD], timezone="Europe/Berlin"))
    return visitor


def test_the_audit_browser(signed_in, trail):
    signed_in.open("/audit/")
    signed_in.page.get_by_text("Before and after").first.click()
    for scheme in ("light", "dark"):
        signed_in.screenshot("audit list", scheme=scheme)
        signed_in.screenshot("audit list", scheme=scheme, size=PHONE)
    signed_in.check()


def test_an_entry(signed_in, trail):
    signed_in.open("/audit/?q=Globex")
    signed_in.page.locator("tbody a").first.click()
    for scheme in ("light", "dark"):
        signed_in.screenshot("audit entry", scheme=scheme)
    signed_in.screenshot("audit entry", size=PHONE)
    signed_in.check()


def test_filters_that_match_nothing(signed_in):
    signed_in.open("/audit/?q=nothing-like-this&source=api")
    signed_in.screenshot("audit nothing")
    signed_in.check()
