"""An automation in service: paused and resumed, degraded for a while, on its fallback."""

from datetime import timedelta

import pytest
from django.test import Client

from opsportal import clock
from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.catalog import operations, registry
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import NOW, SETUP, bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db

URL = "/api/v1/automations/router/"
HOUR = timedelta(hours=1)


@pytest.fixture
def router() -> Automation:
    return make_automation("router", owner=make_person(), active=True, fallback="A batch assigns leads once an hour.")


def last_sentence() -> str:
    return sentences.sentence(audit.entries_of("automation", "router").last())


def test_a_pause_is_recorded_with_its_reason(router: Automation):
    operations.pause_automation(router, reason="HubSpot is down.", actor=SETUP, now=NOW)
    router.refresh_from_db()
    assert (router.state, router.paused_at, router.pause_reason) == ("paused", NOW, "HubSpot is down.")
    assert last_sentence() == "setup paused Router. HubSpot is down."


def test_a_pause_needs_a_reason(router: Automation):
    with pytest.raises(InvalidInput):
        operations.pause_automation(router, reason=" ", actor=SETUP, now=NOW)


def test_a_freeze_holds_no_pause_and_no_resume_back(router: Automation):
    make_freeze(now=NOW)
    operations.pause_automation(router, reason="x", actor=SETUP, now=NOW)
    router.refresh_from_db()
    operations.resume_automation(router, actor=SETUP, now=NOW + HOUR)
    router.refresh_from_db()
    assert (router.state, router.paused_at, router.pause_reason) == ("active", None, "")


def test_only_what_is_paused_can_be_resumed(router: Automation):
    with pytest.raises(Conflict):
        operations.resume_automation(router, actor=SETUP, now=NOW)


def test_sales_reads_a_degraded_status_until_its_end(router: Automation):
    operations.set_degraded(router, sentence="Leads wait an hour.", until=NOW + HOUR, actor=SETUP, now=NOW)
    router.refresh_from_db()
    assert router.degraded_at(NOW) == "Leads wait an hour."
    assert router.degraded_at(NOW + HOUR) == ""
    assert last_sentence() == "setup told sales that Router is degraded: Leads wait an hour."


@pytest.mark.parametrize("hours", [0, -1, 24 * 7 + 1])
def test_a_degraded_status_ends_within_seven_days(router: Automation, hours: int):
    with pytest.raises(InvalidInput):
        operations.set_degraded(router, sentence="x", until=NOW + hours * HOUR, actor=SETUP, now=NOW)


def test_a_degraded_status_is_cleared_once(router: Automation):
    operations.set_degraded(router, sentence="x", until=NOW + HOUR, actor=SETUP, now=NOW)
    operations.clear_degraded(router, actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        operations.clear_degraded(router, actor=SETUP, now=NOW)


def test_a_fallback_needs_words_and_goes_on_once(router: Automation):
    operations.switch_fallback(router, on=True, actor=SETUP, now=NOW)
    router.refresh_from_db()
    assert router.fallback_since == NOW
    with pytest.raises(Conflict):
        operations.switch_fallback(router, on=True, actor=SETUP, now=NOW)
    operations.switch_fallback(router, on=False, actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        operations.switch_fallback(make_automation(), on=True, actor=SETUP, now=NOW)


def test_its_page_tells_how_long_after_the_degradation_the_fallback_did_the_work(router: Automation, client: Client):
    began = clock.now() - HOUR
    operations.set_degraded(router, sentence="Leads are assigned late.", until=began + 3 * HOUR, actor=SETUP, now=began)
    operations.switch_fallback(router, on=True, actor=SETUP, now=began + timedelta(minutes=12))
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    assert "after sales read that it was degraded" in client.get("/automations/router/").content.decode()
    router.refresh_from_db()
    assert router.failover_seconds == 720
    operations.clear_degraded(router, actor=SETUP, now=clock.now())
    router.refresh_from_db()
    assert router.failover_seconds is None


def test_leadership_reads_the_degraded_sentence_on_list_and_page(router: Automation):
    now = clock.now()
    operations.set_degraded(router, sentence="Leads wait an hour.", until=now + HOUR, actor=SETUP, now=now)
    client = signed_in(make_person(roles=[Role.VIEWER]))
    assert "Degraded" in client.get("/automations/").content.decode()
    assert "Leads wait an hour." in client.get("/automations/router/").content.decode()


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def test_the_whole_course_over_the_api(router: Automation):
    client, headers = Client(), bearer(make_token("catalog:read", "catalog:write")[1])

    def post(path: str, body: dict[str, object]):
        return client.post(URL + path, body, content_type="application/json", headers=headers)

    assert post("pause/", {}).status_code == 422
    paused = post("pause/", {"reason": "HubSpot is down."}).json()
    assert (paused["state"], paused["paused"]["reason"]) == ("paused", "HubSpot is down.")
    assert post("pause/", {"reason": "again"}).status_code == 409
    assert post("resume/", {}).json()["paused"] is None
    until = (clock.now() + HOUR).isoformat()
    assert (
        post("degraded/", {"sentence": "Leads wait.", "until": until}).json()["degraded"]["sentence"] == "Leads wait."
    )
    assert client.delete(f"{URL}degraded/", headers=headers).json()["degraded"] is None
    assert client.delete(f"{URL}degraded/", headers=headers).status_code == 409
    assert post("fallback/", {"on": True}).json()["fallback_since"] is not None
    assert post("fallback/", {"on": True}).status_code == 409
    assert post("retire/", {}).json()["state"] == "retired"


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("teammate", 403), ("outsider", 404), ("leader", 403), ("ops_lead", 200)]
)
def test_who_pauses_it(who: str, status: int):
    assert pause_as(who) == status


def test_who_is_on_shift_may_pause_it_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_responders", [lambda automation, person, now: person.username == "teammate"])
    assert pause_as("teammate") == 200


def pause_as(who: str) -> int:
    revops, support = make_team("revops"), make_team("support")
    people = {
        "owner": make_person(team=revops),
        "teammate": make_person("teammate", team=revops),
        "outsider": make_person(team=support),
        "leader": make_person(roles=[Role.VIEWER]),
        "ops_lead": make_person(roles=[Role.OPS_LEAD]),
    }
    make_automation("router", team=revops, owner=people["owner"], active=True)
    client = signed_in(people[who])
    page = client.get("/automations/router/do/pause/").status_code
    answer = client.post(f"{URL}pause/", {"reason": "x"}, content_type="application/json")
    assert page == answer.status_code
    return answer.status_code


def test_the_page_of_an_act_does_it(router: Automation):
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    assert client.post("/automations/router/do/pause/", {"reason": ""}).status_code == 422
    assert client.post("/automations/router/do/pause/", {"reason": "HubSpot is down."}).status_code == 302
    page = client.get("/automations/router/").content.decode()
    assert "HubSpot is down." in page
    assert "Resume" in page
    assert client.get("/automations/router/do/dance/").status_code == 404
