"""A fact proposes a runbook: once, to the person who answers for it, and nothing happens before somebody says yes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from handoffs.operations import respond_to_handoff
from opsportal import clock
from opsportal.approvals import operations as approvals
from opsportal.audit.models import Entry
from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, InvalidInput
from opsportal.facts.operations import resolve_fact
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.models import Message
from runbooks.executions.operations import run_step, tick_step
from runbooks.library import naming
from runbooks.library.engine import document
from runbooks.models import Execution, Proposal, Runbook
from runbooks.remediation import operations, outcomes, queries
from runbooks.remediation.sweep import sweep_proposals
from slos.facts import News, end_facts, raise_facts
from slos.models import Fact
from slos.states import FactKind
from tests.factories.catalog import make_automation
from tests.factories.handoffs import make_handoff, make_rule, sweep
from tests.factories.identity import NOW, SETUP, bearer, make_person, make_team, make_token
from tests.factories.library import PARTS, a_text, make_published
from tests.races import at_once

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def an_action(key: str, **lines: str) -> str:
    said = "\n".join(f"   {name}: {value}" for name, value in lines.items())
    return f"1. Do it. {{#{key}}}\n\n   ```action\n{said}\n   ```\n"


FALLBACK = an_action("fallback", do="fallback-on", automation="lead-router")
DROP = an_action("drop", do="switch-off", automation="lead-router", switch="intake", drops_data='"yes"')


@pytest.fixture
def owner() -> Person:
    return make_person("owner", team=make_team("revops"))


@pytest.fixture
def automation(owner: Person) -> Automation:
    found = make_automation("lead-router", owner=owner, team=owner.team, active=True, fallback="Hourly batches")
    catalog.add_switch(found, slug="intake", label="Intake", is_on=True, actor=SETUP, now=NOW)
    return found


def asking(remediation: str = FALLBACK, **head: Any) -> Runbook:
    """A published runbook that is proposed on silence."""
    head = {"automation": "lead-router", "on_facts": "[heartbeat_down, silence]", **head}
    return make_published(text=a_text(parts=PARTS | {"Remediation": remediation}, **head))


def silent(automation: Automation, key: str = "fact 1", at: Any = NOW, **fields: Any) -> Fact:
    kind = fields.pop("kind", FactKind.HEARTBEAT_DOWN)
    raise_facts([News(key, kind, "It is silent.", at, automation=automation, trace_id="trace-1", **fields)], now=at)
    return Fact.objects.get(key=key)


def who(person: Person, minutes: float = 1) -> dict[str, Any]:
    return {"person": person, "actor": actor_for(person), "now": NOW + minutes * MINUTE}


def test_a_fact_proposes_a_runbook_once_and_tells_the_owner(automation: Automation, owner: Person):
    runbook = asking()
    silent(automation)
    for _ in range(3):
        sweep_proposals(NOW)
    proposal = Proposal.objects.get()
    assert (proposal.runbook, proposal.state, proposal.sentence) == (runbook, "waiting", "It is silent.")
    assert [m.recipient for m in Message.objects.filter(topic="runbook.proposed")] == [owner]
    assert not Execution.objects.exists()
    assert Entry.objects.filter(action="runbook.proposed").count() == 1


@pytest.mark.parametrize("case", ["another kind", "another automation", "before it was published", "old", "over"])
def test_what_a_runbook_does_not_ask_for_proposes_nothing(automation: Automation, owner: Person, case: str):
    if case == "before it was published":
        silent(automation, at=NOW - MINUTE)
    asking()
    if case == "another kind":
        silent(automation, kind=FactKind.BURN)
    elif case == "another automation":
        silent(make_automation("deal-sync", owner=owner, active=True))
    elif case == "old":
        silent(automation)
    elif case == "over":
        silent(automation)
        end_facts(["fact 1"], at=NOW)
    sweep_proposals(NOW + timedelta(hours=2) if case == "old" else NOW)
    assert not Proposal.objects.exists()


def test_a_fact_of_handoffs_proposes_by_its_rule(owner: Person):
    rule = make_rule(slug="speed-to-lead", team=owner.team)
    runbook = asking("1. Call them.", automation="", rules="[speed-to-lead]", on_facts="[escalation]")
    make_handoff(rule)
    later = NOW + timedelta(days=7)
    sweep(later)
    sweep_proposals(later)
    proposal = Proposal.objects.get()
    assert (proposal.runbook, proposal.about_type) == (runbook, "handoff")


def test_what_flaps_joins_what_waits_and_nobody_is_told_again(automation: Automation):
    asking()
    silent(automation)
    sweep_proposals(NOW)
    silent(automation, "fact 2", NOW + MINUTE)
    sweep_proposals(NOW + MINUTE)
    assert sorted(Proposal.objects.values_list("fact_key", "state")) == [("fact 1", "waiting"), ("fact 2", "joined")]
    assert Message.objects.filter(topic="runbook.proposed").count() == 1


def test_a_yes_carries_out_what_is_to_be_done_at_once(automation: Automation, owner: Person):
    asking(at_once="[fallback]")
    silent(automation)
    sweep_proposals(NOW)
    proposal = Proposal.objects.get()
    for said in ({"reason": " ", "confirmed": True}, {"reason": "Late leads"}):
        with pytest.raises(InvalidInput):
            operations.start_proposal(proposal, **said, **who(owner))
    assert not Execution.objects.exists()
    started = operations.start_proposal(proposal, reason="Late leads", confirmed=True, **who(owner))
    automation.refresh_from_db()
    step = started.execution.steps.get(key="fallback")
    assert automation.fallback_since is not None
    assert (step.state, step.person, started.execution.trace_id) == ("done", owner, "trace-1")
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by, proposal.execution) == ("started", owner, started.execution)
    with pytest.raises(Conflict):
        operations.start_proposal(proposal, reason="Again", confirmed=True, **who(owner))


def test_who_may_not_press_a_button_begins_and_leaves_it_open(automation: Automation):
    asking(at_once="[fallback]")
    silent(automation)
    sweep_proposals(NOW)
    analyst = make_person(roles=[Role.ANALYST])
    started = operations.start_proposal(Proposal.objects.get(), reason="Late", confirmed=True, **who(analyst))
    automation.refresh_from_db()
    assert automation.fallback_since is None
    assert started.execution.steps.get(key="fallback").state == "pending"
    assert "the automation's owner or an ops lead may" in started.sentence


def test_what_is_dangerous_waits_for_a_second_person(automation: Automation):
    asking(DROP, at_once="[drop]")
    silent(automation)
    sweep_proposals(NOW)
    lead, second = (make_person(roles=[Role.OPS_LEAD]) for _ in range(2))
    started = operations.start_proposal(Proposal.objects.get(), reason="Flood", confirmed=True, **who(lead))
    step, switch = started.execution.steps.get(key="drop"), automation.switches.get()
    assert (step.ran_at, step.state, switch.is_on) == (None, "pending", True)
    now = NOW + 2 * MINUTE
    approvals.approve(step.approval.pk, person=second, now=now, authenticated_at=now)
    run_step(step, reason="Flood", confirmed=True, **who(lead, 3))
    switch.refresh_from_db()
    assert switch.is_on is False


def test_after_its_time_nobody_can_start_it(automation: Automation, owner: Person):
    asking()
    silent(automation)
    sweep_proposals(NOW)
    proposal = Proposal.objects.get()
    with pytest.raises(Conflict):
        operations.start_proposal(proposal, reason="Late", **who(owner, 240))
    sweep_proposals(NOW + 240 * MINUTE)
    proposal.refresh_from_db()
    assert (proposal.state, proposal.reason) == ("expired", "Its time has passed.")


@pytest.mark.parametrize("how", ["ended", "resolved"])
def test_what_is_over_by_itself_waits_for_nobody(automation: Automation, how: str):
    asking()
    fact = silent(automation)
    sweep_proposals(NOW)
    if how == "ended":
        end_facts([fact.key], at=NOW + MINUTE)
    else:
        resolve_fact(fact, resolution="Seen", actor=SETUP, now=NOW + MINUTE)
    sweep_proposals(NOW + 2 * MINUTE)
    assert Proposal.objects.get().reason == "What it was about is over."


def test_a_no_says_why(automation: Automation, owner: Person):
    asking()
    silent(automation)
    sweep_proposals(NOW)
    proposal = Proposal.objects.get()
    with pytest.raises(InvalidInput):
        operations.decline_proposal(proposal, reason="", **who(owner))
    operations.decline_proposal(proposal, reason="A test", **who(owner))
    with pytest.raises(Conflict):
        operations.start_proposal(proposal, reason="Late", **who(owner))
    sweep_proposals(NOW + MINUTE)
    assert Proposal.objects.count() == 1


def test_the_schema_itself_keeps_a_start_without_a_person_out(automation: Automation):
    asking()
    silent(automation)
    sweep_proposals(NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proposal.objects.update(state="started", decided_at=NOW)


def test_what_waits_is_there_for_who_may_start_it(automation: Automation, owner: Person):
    asking()
    silent(automation)
    sweep_proposals(NOW)
    lead, viewer = make_person(roles=[Role.OPS_LEAD]), make_person(roles=[Role.VIEWER])
    assert [queries.list_waiting(one, NOW).count() for one in (owner, lead, viewer)] == [1, 1, 0]
    assert queries.list_waiting(owner, NOW + timedelta(hours=4)).count() == 0


def over(key: str, minutes: float) -> None:
    end_facts([key], at=NOW + minutes * MINUTE)


def outcomes_at(minutes: float, person: Person | None = None) -> outcomes.Outcomes:
    later = NOW + minutes * MINUTE
    person = person or make_person(roles=[Role.OPS_LEAD])
    return outcomes.outcomes_of(person, since=NOW - MINUTE, until=later, now=later)[0]


@pytest.mark.parametrize(
    ("ends", "at", "expected"),
    [
        ({"fact 1": 31}, 40, (1, 0, Decimal(1))),
        ({"fact 1": 61}, 100, (1, 0, Decimal(1))),
        ({"fact 1": 62}, 100, (0, 1, Decimal(0))),
        ({}, 60, (0, 0, None)),
        ({}, 61, (0, 1, Decimal(0))),
        ({"fact 1": 31, "fact 2": 50}, 70, (1, 0, Decimal(1))),
        ({"fact 1": 31, "fact 2": None}, 50, (0, 0, None)),
        ({"fact 1": 31, "fact 2": None}, 70, (0, 1, Decimal(0))),
    ],
)
def test_what_was_over_within_an_hour_of_the_yes_resolved(
    automation: Automation, owner: Person, ends: dict[str, float | None], at: float, expected: tuple[Any, ...]
):
    asking(at_once="[fallback]")
    silent(automation)
    sweep_proposals(NOW)
    operations.start_proposal(Proposal.objects.get(), reason="Sales waits", confirmed=True, **who(owner))
    if "fact 2" in ends:
        silent(automation, "fact 2", NOW + 40 * MINUTE)
        sweep_proposals(NOW + 40 * MINUTE)
    for key, minutes in ends.items():
        if minutes is not None:
            over(key, minutes)
    found = outcomes_at(at)
    assert (found.proposed, found.started) == (1, 1)
    assert (found.resolved, found.went_on, found.ratio) == expected
    assert found.by_buttons == found.resolved
    assert outcomes_at(at, make_person()).proposed == 0


def test_a_step_by_hand_is_no_remediation_by_buttons_alone(automation: Automation, owner: Person):
    asking(at_once="[fallback]")
    silent(automation)
    sweep_proposals(NOW)
    execution = operations.start_proposal(
        Proposal.objects.get(), reason="Sales waits", confirmed=True, **who(owner)
    ).execution
    tick_step(execution.steps.exclude(key="fallback")[0], **who(owner))
    over("fact 1", 20)
    found = outcomes_at(30)
    assert (found.resolved, found.by_buttons, found.seconds) == (1, 0, 1200)


def test_what_was_never_started_is_counted_by_why(automation: Automation, owner: Person):
    asking()
    for number, what in enumerate(("decline", "end", "leave")):
        key, at = f"fact {number}", NOW + number * 300 * MINUTE
        silent(automation, key, at)
        sweep_proposals(at)
        if what == "decline":
            proposal = Proposal.objects.get(state="waiting")
            operations.decline_proposal(proposal, reason="Known", **who(owner))
        elif what == "end":
            end_facts([key], at=at + MINUTE)
        operations.close_overdue(at + timedelta(minutes=2 if what == "end" else 241))
    found = outcomes_at(2000)
    assert (found.proposed, found.declined, found.over_before, found.nobody) == (3, 1, 1, 1)
    assert (found.started, found.ratio, found.seconds) == (0, None, None)


def test_the_share_is_the_same_on_the_page_and_over_http(automation: Automation, owner: Person):
    runbook, now = asking(at_once="[fallback]"), clock.now()
    Runbook.objects.update(published_at=now - timedelta(hours=3))
    raise_facts(
        [News("f", FactKind.HEARTBEAT_DOWN, "It is silent.", now - 120 * MINUTE, automation=automation)],
        now=now - 90 * MINUTE,
    )
    sweep_proposals(now - 90 * MINUTE)
    said = {"person": owner, "actor": actor_for(owner), "now": now - 80 * MINUTE}
    operations.start_proposal(Proposal.objects.get(), reason="Sales waits", confirmed=True, **said)
    end_facts(["f"], at=now - 75 * MINUTE)
    client = Client()
    client.force_login(owner)
    page = client.get("/runbooks/proposals/").content.decode()
    assert "In 1 of 1 cases it was over within an hour of that." in page
    assert "100 %" in page
    program = Client(headers=bearer(make_token("runbooks:read")[1]))
    found = program.get("/api/v1/runbooks/proposals/outcomes/").json()
    assert (found["within_seconds"], found["total"]["ratio"], found["total"]["seconds"]) == (3600, "1.0000", 2700.0)
    assert [(one["runbook"], one["resolved"]) for one in found["results"]] == [(runbook.slug, 1)]


def test_a_handoff_that_was_answered_is_over(owner: Person):
    rule = make_rule(slug="speed-to-lead", team=owner.team)
    asking("1. Call them.", automation="", rules="[speed-to-lead]", on_facts="[escalation]")
    handoff = make_handoff(rule)
    later = NOW + timedelta(days=7)
    sweep(later)
    sweep_proposals(later)
    handoff.refresh_from_db()
    respond_to_handoff(handoff, actor=actor_for(owner), now=later + MINUTE)
    sweep_proposals(later + 2 * MINUTE)
    assert Proposal.objects.get().state == "expired"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ({"on_facts": "[earthquake]"}, "unknown_name"),
        ({"automation": "", "rules": ""}, "on_facts"),
        ({"at_once": "[pause]"}, "at_once"),
        ({"on_facts": "", "at_once": "[fallback]"}, "at_once"),
        ({"kind": "playbook"}, "on_facts"),
    ],
)
def test_a_head_that_cannot_propose_is_told_at_its_line(automation: Automation, head: dict[str, str], code: str):
    said = {"automation": "lead-router", "on_facts": "[silence]", **head}
    found = naming.findings(document.read(a_text(parts=PARTS | {"Remediation": FALLBACK}, **said)))
    assert code in [one.code for one in found if one.is_error]


def test_the_page_shows_what_a_yes_does_and_does_it(automation: Automation, owner: Person):
    asking(at_once="[fallback]")
    fact = silent(automation)
    proposal = operations.propose_execution(Runbook.objects.get(), fact, actor=SETUP, now=clock.now())
    assert proposal is not None
    client, stranger = Client(), Client()
    client.force_login(owner)
    stranger.force_login(make_person(roles=[Role.VIEWER]))
    page = client.get(proposal.get_absolute_url()).content.decode()
    assert "Turn on the fallback of lead-router" in page
    assert "Start the runbook" in page
    assert "A runbook waits for a yes" in client.get("/automations/lead-router/").content.decode()
    assert stranger.post(f"{proposal.get_absolute_url()}start/", {"reason": "x"}).status_code == 403
    assert client.post(f"{proposal.get_absolute_url()}start/", {"reason": "x"}).status_code == 422
    answer = client.post(f"{proposal.get_absolute_url()}start/", {"reason": "Late", "confirmed": "on"}, follow=True)
    assert " runs on its fallback." in answer.content.decode()
    automation.refresh_from_db()
    assert automation.fallback_since is not None
    assert client.get("/runbooks/proposals/").status_code == 200


def test_a_page_asks_for_a_yes_to_the_steps_only_where_there_are_some(automation: Automation, owner: Person):
    asking()
    proposal = operations.propose_execution(Runbook.objects.get(), silent(automation), actor=SETUP, now=clock.now())
    assert proposal is not None
    client = Client()
    client.force_login(owner)
    assert 'name="confirmed"' not in client.get(proposal.get_absolute_url()).content.decode()
    assert client.post(f"{proposal.get_absolute_url()}start/", {"reason": "Late"}).status_code == 302


def test_no_token_starts_one(automation: Automation, owner: Person):
    asking()
    proposal = operations.propose_execution(Runbook.objects.get(), silent(automation), actor=SETUP, now=clock.now())
    assert proposal is not None
    _, text = make_token("runbooks:read", "runbooks:write")
    url = f"/api/v1/runbooks/proposals/{proposal.pk}/"
    client = Client(headers=bearer(text))
    assert client.get(url).json()["state"] == "waiting"
    answer = client.post(f"{url}start/", {"reason": "x", "confirmed": True}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "needs_a_person")


@pytest.mark.django_db(transaction=True)
def test_of_sweepers_that_race_one_proposes():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time; there is no race to win")
    owner = make_person("owner")
    automation = make_automation("lead-router", owner=owner, active=True, fallback="Hourly batches")
    asking()
    silent(automation)
    at_once(*[lambda: sweep_proposals(NOW)] * 4)
    assert Proposal.objects.count() == 1
    assert Message.objects.filter(topic="runbook.proposed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_people_who_say_yes_together_one_begins():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time; there is no race to win")
    owner = make_person("owner")
    automation = make_automation("lead-router", owner=owner, active=True, fallback="Hourly batches")
    asking(at_once="[fallback]")
    silent(automation)
    sweep_proposals(NOW)
    proposal = Proposal.objects.get()

    def yes() -> str:
        try:
            operations.start_proposal(proposal, reason="Late", confirmed=True, **who(owner))
        except Conflict as refused:
            return refused.code
        return "started"

    assert sorted(at_once(*[yes] * 4)) == ["not_waiting"] * 3 + ["started"]
    assert Execution.objects.count() == 1
