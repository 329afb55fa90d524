"""The pages of replay plans in a real browser: nothing the policy blocks, nothing axe finds, in every state."""

from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from runbooks.models import ReplayPlan
from runbooks.plans import operations
from tests.factories.identity import make_person, make_team
from tests.factories.plans import make_frozen, make_plan, run, start
from tests.factories.replay import make_target, store
from tests.receivers import Answer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RENAME = [{"op": "rename", "field": "stage", "to": "status"}, {"op": "set", "field": "lead.source", "value": "web"}]


@pytest.fixture
def plans(visitor, receiver):
    """An analyst before a plan in every shape: draft, dry run with the shadow's answers, paused by its canary, over."""
    now = clock.now()
    person = make_person("anna", roles=[Role.ANALYST], team=make_team("revops"), timezone="Europe/Berlin")
    target = make_target(
        f"{receiver.url}leads", slug="crm", name="CRM leads", shadow_url=f"{receiver.url}shadow", rate_per_minute=600
    )
    payload = {"email": "ann@example.org", "stage": "won", "lead": {"score": 12}}
    receiver.always(lambda request: Answer(422 if request.path == "/shadow" else 200, b'{"error": "no such stage"}'))

    def stored(error: str) -> None:
        store(target, *(f"{error}-{number}" for number in range(6)), payload=payload, error_type=error, now=now)

    def frozen(error: str, **values) -> ReplayPlan:
        window = {"from": (now - timedelta(days=1)).isoformat(), "error_type": error, "state": "held"}
        return make_frozen(target, person, now=now, selection=window, **values)

    for error in ("RateLimit", "Timeout", "Renamed"):
        stored(error)
    made = {
        "draft": make_plan(target, person, now=now),
        "dry-run": frozen("Renamed", transform=RENAME),
        "paused": run(start(frozen("Timeout", canary_count=2), now=now), now=now),
        "over": run(start(frozen("RateLimit"), now=now), now=now),
    }
    operations.send_to_shadow(made["dry-run"], person=person, actor=actor_for(person), now=now)
    visitor.sign_in(person)
    return visitor, made


@pytest.mark.parametrize("name", ["draft", "dry-run", "paused", "over"])
def test_the_page_of_a_plan_is_clean_everywhere(plans, name: str):
    visitor, made = plans
    visitor.open(made[name].get_absolute_url())
    visitor.check()
    visitor.screenshot(f"plan-{name}")


@pytest.mark.parametrize("page", ["requests/", "edit/"])
def test_its_requests_and_its_form_are_clean_everywhere(plans, page: str):
    visitor, made = plans
    visitor.open(f"{made['dry-run'].get_absolute_url()}{page}")
    visitor.check()
    visitor.screenshot(f"plan-{page}")


@pytest.mark.parametrize("address", ["/replay/plans/", "/replay/plans/new/?target=crm&error_type=Renamed"])
def test_the_list_and_the_new_form_are_clean_everywhere(plans, address: str):
    visitor, _ = plans
    visitor.open(address)
    visitor.check()


def test_what_is_filtered_in_the_queue_is_planned_changed_and_sent(plans, receiver):
    visitor, made = plans
    visitor.open("/replay/?state=held&error=Renamed")
    visitor.check()
    visitor.page.click("text=Plan 6 payloads of these")
    visitor.page.fill("input[name=reason]", "the stage has its name back")
    visitor.page.click("text=Make a dry run")
    visitor.page.click(".page-actions >> text=Change")
    visitor.page.fill("input[name=canary_count]", "1")
    visitor.page.click("text=Make a dry run")
    visitor.page.click("text=Send 1 payload to the shadow")
    assert "The shadow took 0 of 1" in visitor.page.content()
    visitor.page.click("button:has-text('Replay 6 payloads')")
    plan = ReplayPlan.objects.get(canary_count=1)
    assert (plan.state, plan.selection["error_type"]) == ("running", "Renamed")
