"""The inbox, the delivery log and the subscriptions, as people see them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify import relay
from opsportal.notify.models import Delivery, Destination, Message, Preference, Subscription
from tests.factories.identity import NOW, make_person, make_team
from tests.factories.notify import make_subscription, publish, tell
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def login(client: Any, **fields: Any) -> Person:
    person = make_person(**fields)
    client.force_login(person)
    return person


def test_the_inbox_shows_my_messages_unread_first_and_nobody_elses(client: Any) -> None:
    me, other = login(client), make_person()
    tell(me, title="Old and unread", now=NOW)
    tell(me, title="New and read <script>", now=NOW + timedelta(hours=1))
    Message.objects.filter(title__startswith="New").update(read_at=NOW)
    tell(other, title="Not for you")
    page = client.get("/inbox/").content.decode()
    assert page.index("Old and unread") < page.index("New and read &lt;script&gt;")
    assert "Not for you" not in page
    assert "1 unread" in page


def test_opening_a_message_marks_it_and_leads_to_what_it_is_about(client: Any) -> None:
    me = login(client)
    tell(me, url="/handoffs/7/")
    message = Message.objects.get()
    answer = client.post(f"/inbox/{message.pk}/open/")
    assert (answer.status_code, answer["Location"]) == (302, "/handoffs/7/")
    message.refresh_from_db()
    assert message.read_at is not None
    Message.objects.update(url="https://evil.example/")
    assert client.post(f"/inbox/{message.pk}/open/")["Location"] == "/inbox/"


def test_nobody_opens_or_marks_the_messages_of_others(client: Any) -> None:
    tell(make_person())
    login(client, roles=[Role.OPS_LEAD])
    message = Message.objects.get()
    for address in (f"/inbox/{message.pk}/open/", f"/inbox/{message.pk}/read/"):
        assert client.post(address).status_code == 404
        assert client.get(address).status_code == 405
    client.post("/inbox/read/")
    message.refresh_from_db()
    assert message.read_at is None


def test_all_can_be_marked_at_once_but_not_what_comes_in_meanwhile(client: Any) -> None:
    me = login(client)
    tell(me, now=clock.now())
    tell(me, now=clock.now() + timedelta(minutes=1))
    client.post("/inbox/read/")
    assert Message.objects.filter(read_at=None).count() == 1


def test_a_person_says_how_they_want_to_be_told(client: Any) -> None:
    me = login(client, slack_id="U1")
    assert "Nothing reaches you but this page" not in client.get("/inbox/").content.decode()
    client.post("/inbox/reach/", {"slack": "no", "mail": "no"})
    preference = Preference.objects.get(person=me)
    assert (preference.slack, preference.mail) == (False, False)
    assert "Nothing reaches you but this page" in client.get("/inbox/").content.decode()
    assert Entry.objects.filter(action="person.reach_changed").exists()
    client.post("/inbox/reach/", {"slack": "", "mail": "yes"})
    preference.refresh_from_db()
    assert (preference.slack, preference.mail) == (None, True)


def test_the_log_shows_each_person_what_concerns_them(client: Any, receiver: HttpReceiver) -> None:
    sales, other = make_team("sales"), make_team("other")
    owner, teammate, outsider = make_person(team=sales), make_person(team=sales), make_person(team=other)
    leader = make_person(roles=[Role.OPS_LEAD])
    make_subscription(receiver.url)
    tell(owner, title="Told the owner", team="sales")
    publish("handoff.breached", team="sales")
    seen = {}
    for name, person in {"owner": owner, "teammate": teammate, "outsider": outsider, "leader": leader}.items():
        client.force_login(person)
        page = client.get("/deliveries/").content.decode()
        seen[name] = ("Told the owner" in page, "handoff.breached" in page)
        statuses = [client.get(f"/deliveries/{row.pk}/").status_code for row in Delivery.objects.order_by("id")]
        assert statuses == [200 if shown else 404 for shown in seen[name]]
    assert seen == {
        "owner": (True, True),
        "teammate": (False, True),
        "outsider": (False, False),
        "leader": (True, True),
    }


def test_the_log_never_shows_the_address_of_a_person(client: Any) -> None:
    owner = make_person(email="secret.address@example.org")
    tell(owner)
    login(client, roles=[Role.OPS_LEAD])
    pages = client.get("/deliveries/").content + client.get(f"/deliveries/{Delivery.objects.get().pk}/").content
    pages += b"".join(client.get("/deliveries/?format=csv").streaming_content)
    assert b"secret.address" not in pages


def test_a_host_that_does_not_answer_and_people_out_of_reach_stand_on_the_page(client: Any) -> None:
    login(client, roles=[Role.OPS_LEAD])
    make_person(name="Kim Unreachable", email="")
    Destination.objects.create(host="crm.example.com:443", failures=7, opened_at=clock.now(), probe_at=clock.now())
    page = client.get("/deliveries/").content.decode()
    assert "crm.example.com:443 has not been answering since" in page
    assert "Kim Unreachable" in page


def test_a_delivery_that_was_given_up_is_started_again_with_a_reason(client: Any, receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    publish("handoff.breached")
    receiver.answer(410)
    relay.drain(NOW)
    row = Delivery.objects.get()
    login(client, roles=[Role.OPS_LEAD])
    Subscription.objects.update(disabled_at=None)
    assert "HTTP 410" in client.get(f"/deliveries/{row.pk}/").content.decode()
    assert client.post(f"/deliveries/{row.pk}/", {"reason": ""}).status_code == 422
    assert client.post(f"/deliveries/{row.pk}/", {"reason": "They fixed it"}).status_code == 302
    row.refresh_from_db()
    assert row.state == "pending"
    relay.drain(clock.now())
    row.refresh_from_db()
    assert row.state == "delivered"
    assert Entry.objects.get(action="delivery.retried").subject_id == str(row.pk)


def test_an_analyst_looks_at_a_delivery_and_cannot_start_it(client: Any, receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    publish()
    Delivery.objects.update(state="dead", finished_at=NOW)
    login(client)
    row = Delivery.objects.get()
    assert "Send again" not in client.get(f"/deliveries/{row.pk}/").content.decode()
    client.post(f"/deliveries/{row.pk}/", {"reason": "please"})
    row.refresh_from_db()
    assert row.state == "dead"


def test_a_webhook_is_added_changed_and_switched_off_on_its_pages(client: Any, receiver: HttpReceiver) -> None:
    login(client, roles=[Role.OPS_LEAD])
    form = {"kind": "webhook", "name": "CRM", "url": receiver.url, "events": "handoff.*, run.failed"}
    refused = client.post("/webhooks/new/", {**form, "url": "https://10.0.0.1/"})
    assert refused.status_code == 422
    assert "not public" in refused.content.decode()
    made = client.post("/webhooks/new/", form)
    assert made.status_code == 201
    assert "whsec_" in made.content.decode()
    found = Subscription.objects.get()
    assert found.events == ["handoff.*", "run.failed"]
    page = client.get(f"/webhooks/{found.pk}/").content.decode()
    assert receiver.url in page
    assert "whsec_" not in page
    client.post(f"/webhooks/{found.pk}/edit/", {"name": "CRM 2", "url": receiver.url, "events": "*"})
    assert "whsec_" in client.post(f"/webhooks/{found.pk}/rotate/", {"secret": ""}).content.decode()
    publish()
    assert "drop 1 waiting event" in client.get(f"/webhooks/{found.pk}/disable/").content.decode()
    client.post(f"/webhooks/{found.pk}/disable/", {"reason": "moves"})
    assert Delivery.objects.get().state == "suppressed"
    client.post(f"/webhooks/{found.pk}/enable/")
    found.refresh_from_db()
    assert (found.name, found.events, found.enabled) == ("CRM 2", ["*"], True)


@pytest.mark.parametrize("path", ["/webhooks/", "/webhooks/new/"])
def test_webhooks_are_for_those_who_may_write_the_catalogue(client: Any, path: str) -> None:
    for roles, status in (([Role.VIEWER], 403), ([Role.ANALYST], 403), ([Role.ADMIN], 403), ([Role.OPS_LEAD], 200)):
        login(client, roles=roles)
        assert client.get(path).status_code == status


def test_pages_cost_the_same_however_much_they_show(client: Any, receiver: HttpReceiver) -> None:
    me = login(client, roles=[Role.OPS_LEAD])
    make_subscription(receiver.url)

    def cost() -> list[int]:
        counts = []
        for path in ("/inbox/", "/deliveries/", "/webhooks/"):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200
            counts.append(len(queries))
        return counts

    for _ in range(2):
        tell(me)
        publish()
    cost()
    few = cost()
    for _ in range(28):
        tell(me)
        publish()
    assert cost() == few
    assert max(few) <= 18
