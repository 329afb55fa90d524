"""The pages of the replay queue: what waits and why, one payload, one target; who may see, decide and read in clear."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal.audit.models import Entry
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import ReplayItem, ReplayTarget, TargetHealth
from runbooks.queue import claims, recording
from runbooks.queue.engine.outcomes import Kind, Outcome
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, make_person, make_team
from tests.factories.replay import let_go, make_target, store

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


@pytest.fixture
def lead() -> Client:
    return signed_in(make_person("lead", roles=[Role.OPS_LEAD]))


def in_doubt(item: ReplayItem) -> None:
    let_go([item])
    (claimed,) = claims.claim(item.target, limit=1, now=NOW)
    recording.record(item.target, [(claimed, Outcome(Kind.UNCLEAR, "timeout", answer="no answer in time"))], NOW)


def test_the_queue_says_how_many_wait_and_why(lead: Client) -> None:
    page = lead.get("/replay/").content.decode()
    assert "Nothing waits" in page
    automation = make_automation("lead-router", name="Lead Router")
    target = make_target(slug="crm", automation=automation)
    first, _, _ = store(target, "a", "a", "b", error_type="RateLimit")
    in_doubt(first)
    page = lead.get("/replay/").content.decode()
    assert "3 payloads have not arrived" in page
    assert "1 waiting for a decision" in page
    assert "RateLimit" in page
    assert "Lead Router" in page
    assert lead.get("/replay/?state=undecided").content.decode().count("row-") == 1
    assert lead.get("/replay/?state=open&format=csv").status_code == 200


def test_what_was_given_up_alike_is_called_poison(lead: Client) -> None:
    target = make_target(slug="crm")
    store(target, *"abcdef", error_type="Malformed")
    ReplayItem.objects.update(state="dead")
    assert "given up for the same reason" in lead.get("/replay/").content.decode()


def test_an_item_shows_its_attempts_its_place_and_what_stands_before_it(lead: Client) -> None:
    first, second = store(make_target(slug="crm"), "a", "a", payload={"email": "ann@example.org", "plan": "gold"})
    in_doubt(first)
    page = lead.get(f"/replay/items/{first.pk}/").content.decode()
    assert "It may have arrived" in page
    assert "no answer in time" in page
    assert "gold" in page
    assert "ann@" not in page
    page = lead.get(f"/replay/items/{second.pk}/").content.decode()
    assert "What stands before it" in page
    assert str(first) in page


def test_deciding_takes_a_reason_and_lets_the_next_one_stand_first(lead: Client) -> None:
    first, second = store(make_target(slug="crm"), "a", "a")
    in_doubt(first)
    let_go([second])
    address = f"/replay/items/{first.pk}/mark-delivered/"
    assert lead.get(address).status_code == 405
    assert "Say why" in lead.post(address, {}, follow=True).content.decode()
    lead.post(address, {"reason": "it is in the CRM"})
    assert ReplayItem.objects.get(pk=first.pk).state == "delivered"
    assert ReplayItem.objects.get(pk=second.pk).due_at is not None


def test_sending_what_belongs_to_a_p0_again_asks_a_second_person_and_leads_there(lead: Client) -> None:
    automation = make_automation("lead-router", tier="P0")
    (item,) = store(make_target(slug="crm", automation=automation), "a")
    assert "a second person says yes first" in lead.get(f"/replay/items/{item.pk}/").content.decode()
    answer = lead.post(f"/replay/items/{item.pk}/resend/", {"reason": "the limit was reset"}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/approvals/")
    assert "Send 1 payload" in answer.content.decode()
    assert ReplayItem.objects.get().state == "held"


def test_giving_way_to_a_newer_payload_is_offered_where_there_is_one(lead: Client) -> None:
    older, newer = store(make_target(slug="crm"), "a", "a")
    assert "A newer one counts" in lead.get(f"/replay/items/{older.pk}/").content.decode()
    assert "A newer one counts" not in lead.get(f"/replay/items/{newer.pk}/").content.decode()


def test_what_waits_for_a_target_that_is_left_alone_is_not_called_late(lead: Client) -> None:
    target = make_target(slug="crm")
    (item,) = store(target, "a")
    let_go([item])
    assert ">now<" in lead.get("/replay/").content.decode()
    later = NOW + timedelta(days=9000)
    TargetHealth.objects.filter(pk=target.pk).update(failures=5, opened_at=NOW, probe_at=later)
    for address in ("/replay/", f"/replay/items/{item.pk}/"):
        assert "when its target answers" in lead.get(address).content.decode()


def test_a_payload_is_read_in_clear_by_few_with_a_reason(lead: Client) -> None:
    (item,) = store(make_target(slug="crm"), "a", payload={"name": "Ann"})
    address = f"/replay/items/{item.pk}/unmask/"
    analyst = signed_in(make_person("ann"))
    assert "Ann" not in analyst.get(f"/replay/items/{item.pk}/").content.decode().split("Payload")[-1]
    assert analyst.post(address, {"reason": "curious"}).status_code == 403
    assert lead.post(address, {"reason": ""}).status_code == 422
    assert "&quot;Ann&quot;" in lead.post(address, {"reason": "the customer asked"}).content.decode()
    assert Entry.objects.filter(action="replay.payload_read").count() == 1


def test_who_may_not_see_it_finds_nothing() -> None:
    target = make_target(slug="crm", team=make_team("sales"))
    (item,) = store(target, "a")
    outsider = signed_in(make_person("out", team=make_team("ops")))
    for address in (f"/replay/items/{item.pk}/", "/replay/targets/crm/"):
        assert outsider.get(address).status_code == 404
    assert outsider.post(f"/replay/items/{item.pk}/discard/", {"reason": "x"}).status_code == 404
    assert "row-" not in outsider.get("/replay/").content.decode()
    viewer = signed_in(make_person("viewer", roles=[Role.VIEWER]))
    for address in ("/replay/", f"/replay/items/{item.pk}/", "/replay/targets/"):
        assert viewer.get(address).status_code == 403


def test_a_target_is_made_changed_and_stopped_on_its_pages(lead: Client) -> None:
    said = {"name": "CRM", "slug": "crm", "url": "https://crm.example.com/", "rate_per_minute": 60, "max_attempts": 5,
            "timeout_seconds": 10}  # fmt: skip
    assert "not public" in lead.post("/replay/targets/new/", {**said, "url": "https://10.0.0.1/"}).content.decode()
    assert "whsec_" in lead.post("/replay/targets/new/", said, follow=True).content.decode()
    lead.post("/replay/targets/crm/edit/", {**said, "rate_per_minute": 90, "idempotent": "on"})
    target = ReplayTarget.objects.get()
    assert (target.rate_per_minute, target.idempotent) == (90, True)
    lead.post("/replay/targets/crm/stop/", {"reason": "they are moving"})
    assert "they are moving" in lead.get("/replay/targets/crm/").content.decode()
    analyst = signed_in(make_person("ann"))
    assert analyst.get("/replay/targets/new/").status_code == 403
    assert analyst.post("/replay/targets/crm/start/").status_code == 403


def test_a_failing_target_says_so_everywhere(lead: Client) -> None:
    target = make_target(slug="crm")
    later = NOW + timedelta(days=9000)
    TargetHealth.objects.filter(pk=target.pk).update(failures=5, opened_at=NOW, probe_at=later, last_error="HTTP 503")
    assert "1 of 1 is failing" in lead.get("/replay/targets/").content.decode()
    page = lead.get("/replay/targets/crm/").content.decode()
    assert "only one request tries it" in page
    assert "HTTP 503" in page


def test_what_a_page_asks_of_the_database_does_not_grow_with_the_queue(
    lead: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        store(make_target(slug=f"crm-{number}"), "a", "a", "b")
    item = ReplayItem.objects.latest("received_at", "id")
    for address in ("/replay/", f"/replay/items/{item.pk}/", "/replay/targets/", "/replay/targets/crm-1/"):
        lead.get(address)
        with django_assert_max_num_queries(16):
            assert lead.get(address).status_code == 200
