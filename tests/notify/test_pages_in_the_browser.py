"""The pages of this room in Chromium: no console message, no CSP violation, no axe finding; light, dark, 390 px."""

from datetime import timedelta
from typing import Any

import pytest

from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify import operations, relay
from opsportal.notify.models import Delivery, Destination, Message
from tests.browser import PHONE, SCHEMES, WIDE, Visitor
from tests.factories.identity import SETUP, make_person, make_team
from tests.factories.notify import make_subscription, publish, tell
from tests.receivers import Answer, HttpReceiver

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STORIES = [
    ("Northwind Traders is 12 min late", "Speed to lead: nobody has answered since 09:00. You own it.", True),
    ("Contoso was handed over to you", "Bea did not answer in time; as the backup you own it from now on.", False),
    ("Fabrikam runs out in 4 min", "", False),
]


@pytest.fixture(autouse=True)
def _plain_names(settings: Any) -> None:
    """The test server finds static files by their plain names only."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def leader(slack: HttpReceiver, receiver: HttpReceiver) -> Person:
    """Somebody who sees everything, in a portal where something has happened."""
    now = clock.now()
    me = make_person("lea", name="Lea Lindqvist", roles=[Role.OPS_LEAD], slack_id="U1", team=make_team("sales"))
    make_person("kim", name="Kim Out Of Reach", email="")
    make_subscription(f"{receiver.url}crm", name="CRM", created_by=me)
    make_subscription(f"{receiver.url}services/T0/B0/x", name="#revops", kind="slack_webhook", events=["*"])
    for number, (title, body, urgent) in enumerate(STORIES):
        tell(me, title=title, body=body, urgent=urgent, now=now - timedelta(minutes=40 * number), team="sales")
    for kind in ("handoff.breached", "handoff.reassigned"):
        publish(kind, team="sales", now=now)
    relay.drain(now)
    receiver.always(Answer(410, body=b'{"error": "no such hook"}'))
    publish("handoff.completed", team="sales", now=now)
    relay.drain(clock.now())
    Message.objects.filter(title__startswith="Fabrikam").update(read_at=now)
    Destination.objects.create(host="crm.example.com:443", failures=6, opened_at=now, probe_at=now)
    return me


def look_at(visitor: Visitor, path: str, name: str, *, status: int = 200) -> None:
    response = visitor.open(path)
    assert response.status == status
    visitor.check()
    for scheme in SCHEMES:
        for size in (WIDE, PHONE):
            visitor.screenshot(name, scheme=scheme, size=size)


def test_the_pages_of_messages_and_webhooks(visitor: Any, leader: Person) -> None:
    visitor.sign_in(leader)
    look_at(visitor, "/inbox/", "inbox")
    look_at(visitor, "/deliveries/", "deliveries")
    dead = Delivery.objects.filter(state="dead").first()
    assert dead is not None
    look_at(visitor, f"/deliveries/{dead.pk}/", "delivery")
    look_at(visitor, "/webhooks/", "webhooks")
    look_at(visitor, f"/webhooks/{dead.subscription_id}/", "webhook")
    look_at(visitor, "/webhooks/new/", "webhook-new")
    for page in ("edit", "rotate", "disable"):
        look_at(visitor, f"/webhooks/{dead.subscription_id}/{page}/", f"webhook-{page}")


def test_an_empty_inbox_of_somebody_whom_nothing_reaches(visitor: Any) -> None:
    visitor.sign_in(make_person(email=""))
    look_at(visitor, "/inbox/", "inbox-empty")


def test_the_secret_of_a_new_webhook_is_shown_once(visitor: Any, leader: Person, receiver: HttpReceiver) -> None:
    visitor.sign_in(leader)
    visitor.open("/webhooks/new/")
    visitor.page.get_by_label("Name").fill("Warehouse")
    visitor.page.get_by_label("Address").fill(receiver.url)
    visitor.page.get_by_role("button", name="Add webhook").click()
    visitor.page.wait_for_load_state()
    assert "whsec_" in visitor.page.content()
    visitor.check()
    visitor.screenshot("webhook-secret")
    visitor.page.get_by_role("link", name="I have it").click()
    visitor.page.wait_for_load_state()
    assert "whsec_" not in visitor.page.content()


def test_a_person_marks_messages_as_read_without_javascript(chromium: Any, live_server: Any, leader: Person) -> None:
    visitor = Visitor(chromium, live_server.url, java_script_enabled=False)
    visitor.sign_in(leader)
    visitor.open("/inbox/")
    visitor.page.get_by_role("button", name="Mark all as read").click()
    visitor.page.wait_for_load_state()
    assert "All read" in visitor.page.content()
    assert operations.mark_all_read(leader, now=clock.now()) == 0
    visitor.context.close()


def test_the_read_only_admin(visitor: Any, leader: Person) -> None:
    admin = make_person("ada", roles=[Role.ADMIN], is_staff=True)
    visitor.sign_in(admin)
    for model in ("message", "delivery", "attempt", "destination", "subscription", "publishedevent"):
        assert visitor.open(f"/admin/notify/{model}/").status == 200
        assert visitor.open(f"/admin/notify/{model}/add/").status == 403
        visitor.errors.clear()
    assert SETUP.kind == "system"
