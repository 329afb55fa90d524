"""The pages of replay plans: what would be sent before any button that sends, live progress, buttons by role."""

import csv

import pytest
from django.test import Client

from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import ReplayItem, ReplayPlan
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.plans import approve, make_frozen, run, start
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


def test_a_plan_is_changed_on_its_page_and_keeps_what_the_form_does_not_know(analyst: Client) -> None:
    target = make_target(slug="crm")
    first, second, _ = store(target, "a", "b", "c", payload={"stage": "won"}, correlation_id="t-1")
    named = sorted([str(first.pk), str(second.pk)])
    steps = [{"op": "set", "field": "n", "value": 1.5}, {"op": "copy", "field": "stage", "to": "old"}]
    plan = make_frozen(target, selection={"items": named, "correlation_id": "t-1"}, transform=steps)
    address = f"{plan.get_absolute_url()}edit/"
    page = analyst.get(address).content.decode()
    assert "Only of 2 payloads named one by one." in page
    assert "set n = 1.5" in page
    form = {"reason": "again", "abort_percent": "12.5", "transform": "copy stage to old", "items": ",".join(named)}
    assert analyst.post(address, {**form, "correlation_id": "t-1", "canary_count": "1"}).status_code == 302
    plan.refresh_from_db()
    assert (plan.state, plan.item_count, plan.canary_count, str(plan.abort_ratio)) == ("dry_run", 2, 1, "0.125")
    assert plan.selection == {"items": named, "correlation_id": "t-1"}
    assert plan.transform == [{"op": "copy", "field": "stage", "to": "old"}]
    analyst.post(address, {**form, "draft": "1"})
    plan.refresh_from_db()
    assert (plan.state, plan.content_hash, plan.selection) == ("draft", "", {"items": named})
    assert "A draft: nothing is frozen yet" in analyst.get(plan.get_absolute_url()).content.decode()


def test_changing_what_was_asked_or_approved_voids_it(analyst: Client) -> None:
    target = make_target(slug="crm", automation=make_automation(tier="P0"))
    store(target, "a", "b")
    plan, lead = start(make_frozen(target)), make_person(roles=[Role.OPS_LEAD])
    for _ in range(2):
        asked = plan.approval
        analyst.post(f"{plan.get_absolute_url()}edit/", {"reason": "slower", "abort_percent": "20"})
        asked.refresh_from_db()
        plan.refresh_from_db()
        assert (plan.state, plan.approval_id, asked.state) == ("dry_run", None, "voided")
        plan = start(plan)
        approve(plan, lead)
        plan.refresh_from_db()
    assert plan.state == "approved"


def test_what_has_started_is_not_changed(analyst: Client) -> None:
    target = make_target(slug="crm")
    store(target, "a")
    plan = start(make_frozen(target))
    page = analyst.get(f"{plan.get_absolute_url()}edit/", follow=True).content.decode()
    assert "A plan that is running is not changed any more." in page
    assert "edit/" not in page


def test_the_filtered_queue_leads_into_a_plan_of_just_these(analyst: Client) -> None:
    target, other = make_target(slug="crm"), make_target(slug="mail", idempotent=True)
    store(target, "a", "b", error_type="Timeout")
    store(other, "c", "c", error_type="Timeout")
    assert "of these" not in analyst.get("/replay/").content.decode()
    page = analyst.get("/replay/?target=crm&state=open&error=Timeout").content.decode()
    assert "Plan 2 payloads of these" in page
    assert "/replay/plans/new/?error_type=Timeout&amp;target=crm" in page
    assert "?error_type=Timeout&amp;record_key=c&amp;target=mail" not in page
    page = analyst.get("/replay/?q=c").content.decode()
    assert "/replay/plans/new/?record_key=c&amp;target=mail" in page
    assert "one target at a time" in analyst.get("/replay/?error=Timeout").content.decode()
    ReplayItem.objects.filter(target__in=[target, other]).update(state="in_doubt")
    assert "of these" not in analyst.get("/replay/?state=in_doubt&target=crm").content.decode()
    assert "Plan 2 payloads of these" in analyst.get("/replay/?state=in_doubt&target=mail").content.decode()
    new = analyst.get("/replay/plans/new/?target=mail&state=in_doubt&record_key=c").content.decode()
    assert 'value="mail" selected' in new
    assert 'value="in_doubt" selected' in new


def test_the_page_speaks_of_errors_states_and_times_in_words(analyst: Client) -> None:
    target = make_target(slug="crm")
    store(target, "a")
    said = {"error_type": "", "state": "held", "from": "2026-01-01T00:00:00+01:00"}
    plan = make_frozen(target, selection=said)
    page = analyst.get(plan.get_absolute_url()).content.decode()
    assert "1 payload of 1 record would be sent." in page
    assert "<dt>Stored from</dt><dd><time" in page
    assert "2026-01-01T00:00:00+01:00" not in page
    assert "<dt>State</dt><dd>held</dd>" in page


def test_a_canary_that_has_not_gone_is_not_called_well(analyst: Client, receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm")
    store(target, "a", "b")
    plan = start(make_frozen(target, canary_count=1))
    analyst.post(f"{plan.get_absolute_url()}pause/")
    page = analyst.get(plan.get_absolute_url()).content.decode()
    assert ">Resume</button>" in page
    assert "The canary is well" not in page
    analyst.post(f"{plan.get_absolute_url()}resume/")
    assert run(plan).state == "paused"
    assert "The canary is well: send the rest" in analyst.get(plan.get_absolute_url()).content.decode()


def test_the_report_says_payload_by_payload_what_became_of_them(analyst: Client, receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm", max_attempts=1)
    first, second = store(target, "a", "b")
    receiver.answer(200, 422)
    plan = run(start(make_frozen(target)))
    assert f"{plan.get_absolute_url()}report.csv" in analyst.get(plan.get_absolute_url()).content.decode()
    answer = analyst.get(f"{plan.get_absolute_url()}report.csv")
    header, *lines = b"".join(answer).decode("utf-8-sig").splitlines()
    rows = {row["item"]: row for row in csv.DictReader([header, *lines])}
    assert {rows[str(one.pk)]["state"] for one in (first, second)} == {"delivered", "dead"}
    assert {row["requests"] for row in rows.values()} == {"1"}
    viewer = signed_in(make_person(roles=[Role.VIEWER]))
    assert viewer.get(f"{plan.get_absolute_url()}report.csv").status_code == 403
