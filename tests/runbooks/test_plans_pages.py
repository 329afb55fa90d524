"""The pages of replay plans: what would be sent before any button that sends, live progress, buttons by role."""

import pytest
from django.test import Client

from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import ReplayPlan
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.plans import make_frozen, run, start
from tests.factories.replay import make_target, store
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


@pytest.fixture
def analyst() -> Client:
    return signed_in(make_person("anna", roles=[Role.ANALYST]))


def test_a_plan_is_drawn_up_looked_at_and_started(analyst: Client, receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm")
    store(target, "a", "b", payload={"stage": "won", "mail": "x@example.com"})
    form = {"target": "crm", "reason": "limits reset", "abort_percent": "20", "transform": "rename stage to status"}
    made = analyst.post("/replay/plans/new/", form)
    plan = ReplayPlan.objects.get()
    assert made["Location"] == plan.get_absolute_url()
    page = analyst.get(plan.get_absolute_url()).content.decode()
    assert "2 payloads of 2 records would be sent" in page
    assert "Replay 2 payloads</button>" in page
    shown = analyst.get(f"{plan.get_absolute_url()}requests/").content.decode()
    assert ".r1" in shown
    assert "<ins>&quot;won&quot;</ins>" in shown
    assert "x@example.com" not in shown
    analyst.post(f"{plan.get_absolute_url()}start/")
    page = analyst.get(plan.get_absolute_url()).content.decode()
    assert 'data-refresh="5"' in page
    run(plan)
    page = analyst.get(plan.get_absolute_url()).content.decode()
    assert "2 replayed, 0 already there, 0 twice." in page
    assert "data-refresh" not in page
    assert "completed" in analyst.get("/replay/plans/").content.decode()


def test_a_p0_asks_a_second_person(analyst: Client) -> None:
    target = make_target(slug="crm", automation=make_automation(tier="P0"))
    store(target, "a")
    plan = make_frozen(target)
    assert "Ask a second person: Replay 1 payload" in analyst.get(plan.get_absolute_url()).content.decode()
    asked = analyst.post(f"{plan.get_absolute_url()}start/")
    plan.refresh_from_db()
    assert (plan.state, asked["Location"]) == ("awaiting_approval", f"/approvals/{plan.approval_id}/")
    assert "A second person decides" in analyst.get(plan.get_absolute_url()).content.decode()


def test_a_step_that_is_none_is_told_at_its_field(analyst: Client) -> None:
    make_target(slug="crm")
    form = {"target": "crm", "reason": "x", "abort_percent": "20", "transform": "explode everything"}
    answer = analyst.post("/replay/plans/new/", form)
    assert answer.status_code == 422
    assert "is no step" in answer.content.decode()
    answer = analyst.post("/replay/plans/new/", form | {"transform": ""})
    assert "Nothing is selected." in answer.content.decode()


def test_who_only_reads_has_no_buttons_and_others_see_nothing() -> None:
    target = make_target(slug="crm", team=make_team("north"))
    store(target, "a")
    plan = start(make_frozen(target))
    admin = signed_in(make_person(roles=[Role.ADMIN]))
    page = admin.get(plan.get_absolute_url()).content.decode()
    assert "Pause" not in page
    assert admin.post(f"{plan.get_absolute_url()}pause/").status_code == 403
    outsider = signed_in(make_person(roles=[Role.ANALYST], team=make_team("south")))
    assert outsider.get(plan.get_absolute_url()).status_code == 404
    assert outsider.post(f"{plan.get_absolute_url()}pause/").status_code == 404
    assert signed_in(make_person(roles=[Role.VIEWER])).get("/replay/plans/").status_code == 403


def test_pausing_resuming_and_cancelling_from_the_page(analyst: Client) -> None:
    target = make_target()
    store(target, "a")
    plan = start(make_frozen(target))
    for name, state in (("pause", "paused"), ("resume", "running"), ("cancel", "running")):
        analyst.post(f"{plan.get_absolute_url()}{name}/")
        plan.refresh_from_db()
        assert plan.state == state
    analyst.post(f"{plan.get_absolute_url()}cancel/", {"reason": "enough"})
    plan.refresh_from_db()
    assert plan.state == "cancelled"
