"""A step that builds a replay plan: a dry run for what the execution is about, and nothing is sent."""

import pytest

from opsportal.errors import Forbidden
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.executions import operations
from runbooks.models import Execution, ReplayPlan
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, make_person
from tests.factories.library import PARTS, a_text, make_published
from tests.factories.replay import make_target, states, store

pytestmark = pytest.mark.django_db
STEP = "1. Plan.\n\n   ```action\n   do: plan-replay\n   target: crm\n   error_type: RateLimit\n   canary: '1'\n   ```"


def begin(person: Person, about: tuple[str, str]) -> Execution:
    make_automation("lead-router", owner=person, active=True)
    runbook = make_published(text=a_text(parts=PARTS | {"Remediation": STEP}, automation="lead-router"))
    who = {"person": person, "actor": actor_for(person), "now": NOW}
    return operations.start_execution(runbook, reason="Limits reset", about=about, **who)


@pytest.mark.parametrize("about", [("incident", "42"), ("", "")])
def test_a_step_builds_a_plan_and_sends_nothing(about: tuple[str, str]) -> None:
    target = make_target(slug="crm")
    store(target, "a", "b", error_type="RateLimit")
    store(target, "c", error_type="Timeout")
    person = make_person(roles=[Role.ANALYST])
    execution = begin(person, about)
    step = execution.steps.get(section="remediation")
    step = operations.run_step(step, person=person, actor=actor_for(person), now=NOW)
    plan = ReplayPlan.objects.get()
    assert (plan.state, plan.item_count, plan.canary_count, plan.requested_by) == ("dry_run", 2, 1, person)
    assert (plan.about_type, plan.about_id) == (about if all(about) else ("execution", str(execution.pk)))
    assert plan.get_absolute_url() in step.result
    assert set(states(target).values()) == {"held"}


def test_who_may_not_replay_builds_none() -> None:
    make_target(slug="crm")
    execution = begin(make_person(roles=[Role.ANALYST]), ("", ""))
    viewer = make_person(roles=[Role.VIEWER])
    step = execution.steps.get(section="remediation")
    with pytest.raises(Forbidden):
        operations.run_step(step, person=viewer, actor=actor_for(viewer), now=NOW)
