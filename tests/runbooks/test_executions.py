"""Going through a runbook: ticks, what is left out, buttons by risk, compensation, drills, toil."""

from datetime import timedelta
from typing import Any

import pytest

from opsportal.approvals import operations as approvals
from opsportal.approvals.states import State
from opsportal.audit.models import Entry
from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, DomainError, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.models import PublishedEvent
from opsportal.notify.operations import create_subscription
from runbooks.executions import operations, queries, registry
from runbooks.executions.kinds import KINDS
from runbooks.library import naming, starters
from runbooks.library import queries as library
from runbooks.library.engine import document
from runbooks.models import Execution, ExecutionStep
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text, make_published, publish, save

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def action(title: str, **lines: str) -> str:
    said = "\n".join(f"   {name}: {value}" for name, value in lines.items())
    return f"1. {title}\n\n   ```action\n{said}\n   ```"


@pytest.fixture
def owner() -> Person:
    return make_person("owner", team=make_team("revops"))


@pytest.fixture
def automation(owner: Person) -> Automation:
    found = make_automation("lead-router", owner=owner, team=owner.team, active=True, fallback="Hourly batches")
    catalog.add_switch(found, slug="intake", label="Intake", is_on=True, actor=SETUP, now=NOW)
    return found


@pytest.fixture
def lead() -> Person:
    return make_person("lead", roles=[Role.OPS_LEAD])


def begin(person: Person, remediation: str = PARTS["Remediation"], **fields: Any) -> Execution:
    publisher = make_person(roles=[Role.OPS_LEAD])
    text = a_text(parts=PARTS | {"Remediation": remediation}, automation="lead-router")
    runbook = make_published(text=text, publisher=publisher)
    who = {"person": person, "actor": actor_for(person), "now": NOW}
    return operations.start_execution(runbook, reason="Leads are late", **who, **fields)


def step_of(execution: Execution, section: str = "remediation", number: int = 1) -> ExecutionStep:
    return execution.steps.get(section=section, number=number)


def who(person: Person, minutes: float = 0) -> dict[str, Any]:
    return {"person": person, "actor": actor_for(person), "now": NOW + minutes * MINUTE}


def run(step: ExecutionStep, person: Person, **said: Any) -> ExecutionStep:
    return operations.run_step(step, **{"reason": "Limit", "confirmed": True, **who(person), **said})


@pytest.mark.django_db
def test_steps_are_ticked_with_person_time_and_elapsed(automation: Automation, owner: Person, lead: Person):
    execution = begin(owner)
    first, second = step_of(execution, "diagnostics", 1), step_of(execution, "diagnostics", 2)
    operations.tick_step(first, **who(owner, 2))
    operations.tick_step(second, **who(lead, 5))
    steps = queries.list_steps(execution)
    assert [(s.person, s.seconds) for s in steps[:2]] == [(owner, 120), (lead, 180)]
    assert queries.next_step(steps).title == "Pause the router."
    with pytest.raises(Conflict):
        operations.tick_step(first, **who(lead, 6))


def test_what_was_to_be_seen_and_was_not_is_noted(automation: Automation, owner: Person):
    step = step_of(begin(owner))
    with pytest.raises(InvalidInput):
        operations.tick_step(step, holds=False, **who(owner))
    step = operations.tick_step(step, holds=False, note_text="Still active", **who(owner))
    assert (step.state, step.note) == ("failed", "Still active")
    assert operations.tick_step(step, **who(owner, 1)).state == "done"


def test_a_step_is_left_out_with_a_reason_and_can_be_opened_again(automation: Automation, owner: Person):
    step = step_of(begin(owner))
    with pytest.raises(InvalidInput):
        operations.skip_step(step, reason=" ", **who(owner))
    step = operations.skip_step(step, reason="The vendor did it", **who(owner))
    step = operations.open_step(step, actor=SETUP, now=NOW)
    assert (step.state, step.at, step.person, step.note) == ("pending", None, None, "")


def test_it_goes_by_the_revision_it_began_with(automation: Automation, owner: Person, lead: Person):
    execution = begin(owner)
    save(execution.runbook, a_text("Another", automation="lead-router"))
    publish(execution.runbook, lead)
    execution.refresh_from_db()
    assert execution.revision.number == 1
    assert step_of(execution).title == "Pause the router."


PAUSE = action("Stop it.", do="pause-automation", automation="lead-router")


def test_a_guarded_button_needs_a_reason_and_a_yes_and_then_does_it_once(automation: Automation, owner: Person):
    step = step_of(begin(owner, PAUSE))
    for said in ({"reason": ""}, {"confirmed": False}):
        with pytest.raises(InvalidInput):
            run(step, owner, **said)
    step = run(step, owner)
    automation.refresh_from_db()
    assert (automation.state, automation.pause_reason, step.state) == ("paused", "Limit", "done")
    with pytest.raises(Conflict):
        run(step, owner)
    assert Entry.objects.filter(action="execution.step_ran").count() == 1


def test_what_a_button_did_is_taken_back_once(automation: Automation, owner: Person):
    step = run(step_of(begin(owner, PAUSE)), owner)
    with pytest.raises(Conflict):
        operations.open_step(step, actor=SETUP, now=NOW)
    operations.undo_step(step, reason="Wrong one", **who(owner))
    automation.refresh_from_db()
    assert automation.state == "active"
    with pytest.raises(Conflict):
        operations.undo_step(step, reason="Again", **who(owner))


def test_a_button_whose_operation_is_refused_changes_nothing(automation: Automation, owner: Person):
    catalog.pause_automation(automation, actor=SETUP, now=NOW, reason="Before")
    step = step_of(begin(owner, PAUSE))
    with pytest.raises(DomainError):
        run(step, owner)
    step.refresh_from_db()
    assert (step.state, step.ran_at) == ("pending", None)


@pytest.mark.parametrize(
    ("who_", "kind", "allowed"),
    [
        ("owner", PAUSE, True),
        ("lead", PAUSE, True),
        ("teammate", PAUSE, False),
        ("teammate", action("Say.", do="tell-sales", automation="lead-router", sentence="Slow", hours="2"), False),
        ("teammate", action("Say.", do="tell-channel", words="Slow"), False),
        ("owner", action("Say.", do="tell-channel", words="Slow"), True),
        ("owner", action("Off.", do="switch-off", automation="lead-router", switch="intake"), True),
        ("owner", action("Off.", do="switch-off", automation="lead-router", switch="intake", drops_data="yes"), False),
    ],
)
def test_who_carries_out_what(automation: Automation, owner: Person, lead: Person, who_: str, kind: str, allowed: bool):
    people = {"owner": owner, "lead": lead, "teammate": make_person("teammate", team=owner.team)}
    step = step_of(begin(owner, kind))
    if allowed:
        assert run(step, people[who_]).ran_at == NOW
        return
    with pytest.raises(Forbidden):
        run(step, people[who_])


DROP = action("Shut the door.", do="switch-off", automation="lead-router", switch="intake", drops_data="yes")


def test_a_dangerous_button_takes_two_people(automation: Automation, owner: Person, lead: Person):
    step = run(step_of(begin(owner, DROP)), lead)
    assert (step.ran_at, step.state, step.approval.risk) == (None, "pending", "dangerous")
    with pytest.raises(Conflict):
        run(step, lead)
    with pytest.raises(Forbidden):
        approvals.approve(step.approval_id, person=lead, now=NOW, authenticated_at=NOW)
    other = make_person("other", roles=[Role.OPS_LEAD])
    with pytest.raises(Forbidden):
        approvals.approve(step.approval_id, person=other, now=NOW, authenticated_at=NOW - timedelta(hours=1))
    approvals.approve(step.approval_id, person=other, now=NOW, authenticated_at=NOW)
    with pytest.raises(Forbidden):
        run(step, other)
    step = run(step, lead)
    step.approval.refresh_from_db()
    assert (step.state, step.approval.state, automation.switches.get().is_on) == ("done", State.USED, False)


def test_who_wrote_the_step_does_not_approve_it(automation: Automation, owner: Person, lead: Person):
    writer = make_person("writer", roles=[Role.OPS_LEAD])
    execution = begin(owner, DROP)
    library.get_published(execution.runbook).steps.update(changed_by=writer)
    step = run(step_of(execution), lead)
    with pytest.raises(Forbidden):
        approvals.approve(step.approval_id, person=writer, now=NOW, authenticated_at=NOW)


def test_an_approval_holds_for_these_parameters_alone(automation: Automation, owner: Person, lead: Person):
    step = run(step_of(begin(owner, DROP)), lead)
    other = make_person("other", roles=[Role.OPS_LEAD])
    approvals.approve(step.approval_id, person=other, now=NOW, authenticated_at=NOW)
    catalog.add_switch(automation, slug="outlet", label="Outlet", is_on=True, actor=SETUP, now=NOW)
    ExecutionStep.objects.filter(pk=step.pk).update(action={**step.action, "switch": "outlet"})
    with pytest.raises(Conflict):
        run(step, lead)
    assert automation.switches.filter(is_on=False).count() == 0


def test_an_approval_is_gone_when_the_execution_is_over(automation: Automation, owner: Person, lead: Person):
    step = run(step_of(begin(owner, DROP)), lead)
    operations.abandon_execution(step.execution, reason="False alarm", actor=SETUP, now=NOW)
    step.approval.refresh_from_db()
    assert step.approval.state == State.VOIDED
    with pytest.raises(Conflict):
        run(step, lead)


def test_a_drill_changes_nothing_and_says_so(automation: Automation, owner: Person, lead: Person):
    step = step_of(begin(owner, PAUSE, is_drill=True))
    with pytest.raises(Forbidden):
        run(step, owner)
    create_subscription(name="Ops", url="https://example.org/x", events=["runbook.*"], actor=SETUP, now=NOW)
    step = step_of(begin(owner, action("Say.", do="tell-channel", words="Router is down"), is_drill=True))
    run(step, owner)
    told = PublishedEvent.objects.get(type="runbook.announced")
    assert (told.data["name"], told.data["drill"]) == ("DRILL: Router is down", True)


def test_finishing_leaves_out_what_is_open_and_says_whether_the_runbook_holds(automation: Automation, owner: Person):
    execution = begin(owner)
    operations.tick_step(step_of(execution), **who(owner, 1))
    operations.finish_execution(execution, outcome="Limit was reset", holds=True, **who(owner, 22))
    execution.refresh_from_db()
    assert (execution.state, execution.seconds) == ("completed", 22 * 60)
    assert step_of(execution, "rollback").note == "Not needed"
    assert step_of(execution, "remediation", 2).note == "Limit was reset"
    assert execution.runbook.validations.get().how == "execution"
    with pytest.raises(Conflict):
        operations.tick_step(step_of(execution, "rollback"), **who(owner, 30))


def test_what_is_done_by_hand_is_counted_and_ranked(automation: Automation, owner: Person):
    for minutes in (10, 20):
        execution = begin(owner)
        operations.tick_step(step_of(execution, "diagnostics", 1), **who(owner, 1))
        operations.tick_step(step_of(execution), **who(owner, 1 + minutes))
    operations.tick_step(step_of(begin(owner, is_drill=True)), **who(owner, 500))
    until = NOW + timedelta(days=1)
    found = queries.list_toil(owner, since=NOW, until=until)
    assert [(one.key, one.total_seconds) for one in found[:2]] == [
        ("pause-the-router", 1200),
        ("pause-the-router", 600),
    ]
    assert queries.list_toil(make_person(), since=NOW, until=until) == []


@pytest.mark.parametrize(
    "said",
    [
        {"do": "rm -rf"},
        {"do": "pause-automation"},
        {"do": "pause-automation", "automation": "nowhere"},
        {"do": "pause-automation", "automation": "lead-router", "shell": "x"},
        {"do": "switch-on", "automation": "lead-router", "switch": "nowhere"},
        {"do": "switch-on", "automation": "lead-router", "switch": "intake", "drops_data": "maybe"},
        {"do": "tell-sales", "automation": "lead-router", "sentence": "x", "hours": "900"},
        {"do": "tell-sales", "automation": "lead-router", "sentence": "x" * 300, "hours": "2"},
        {"do": "tell-channel", "words": "[a, b]"},
    ],
)
def test_an_action_that_is_not_on_the_list_or_not_whole_is_told_at_its_line(
    automation: Automation, said: dict[str, str]
):
    text = a_text(parts=PARTS | {"Remediation": action("Do.", **said)}, automation="lead-router")
    found = [one for one in naming.errors(document.read(text)) if one.code == "action"]
    assert found
    assert text.splitlines()[found[0].line - 1].strip() == "```action"


def test_every_kind_says_what_takes_it_back_in_words_that_hold(automation: Automation):
    given = {"automation": "lead-router", "switch": "intake", "sentence": "x", "hours": "1", "words": "x"}
    for kind in KINDS:
        params = {one.name: given[one.name] for one in kind.parameters if one.name in given}
        back = kind.undo(params)
        assert back is None or registry.read(back)[0].name == back["do"]


@pytest.mark.parametrize("starter", [one for one in starters.STARTERS if one.slug])
def test_a_starter_is_whole_once_its_automation_is_there(starter: starters.Starter):
    if starter.name != "vendor-degraded":
        make_automation(starter.slug)
    assert naming.findings(document.read(starters.get(starter.name).text)) == []


@pytest.mark.parametrize("on", [True, False])
def test_a_switch_that_drops_data_takes_two_people_whatever_the_step_says(
    automation: Automation, owner: Person, lead: Person, on: bool
):
    word = "on" if on else "off"
    switch = catalog.add_switch(
        automation, slug="flood", label="Flood", gated=False, is_on=not on, drops_data_when=word, actor=SETUP, now=NOW
    )
    with pytest.raises(Conflict) as refused:
        catalog.flip_switch(switch, on=on, actor=SETUP, now=NOW, reason="Alone")
    assert refused.value.code == "two_people"
    text = action("Flip it.", do=f"switch-{word}", automation="lead-router", switch="flood", drops_data='"no"')
    step = step_of(begin(lead, text))
    with pytest.raises(Forbidden):
        run(step, owner)
    step = run(step, lead)
    assert step.ran_at is None
    assert step.approval is not None
    second = make_person(roles=[Role.OPS_LEAD])
    approvals.approve(step.approval.pk, person=second, now=NOW, authenticated_at=NOW)
    run(step, lead)
    switch.refresh_from_db()
    assert switch.is_on is on


def test_what_is_taken_back_alone_is_nothing_that_takes_two(automation: Automation, owner: Person, lead: Person):
    catalog.add_switch(
        automation, slug="flood", label="Flood", gated=False, is_on=False, drops_data_when="off", actor=SETUP, now=NOW
    )
    step = run(step_of(begin(lead, action("On.", do="switch-on", automation="lead-router", switch="flood"))), owner)
    with pytest.raises(Conflict) as refused:
        operations.undo_step(step, reason="Back", **who(lead))
    assert refused.value.code == "two_people"


def test_the_newest_stands_first(automation: Automation, owner: Person):
    first = begin(owner)
    later = operations.start_execution(first.runbook, reason="Again", **who(owner, minutes=30))
    assert list(queries.list_executions(owner)) == [later, first]
