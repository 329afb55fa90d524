"""Runbooks where people look: the search field, the line of a trace, the first page of the day."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.catalog.models import Automation
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.portal.cockpit import cockpit_of
from opsportal.portal.search import find
from opsportal.portal.traces import get_trace
from runbooks.executions import operations as executions
from runbooks.library import operations, queries
from runbooks.models import Proposal, Runbook
from runbooks.remediation.operations import start_proposal
from runbooks.remediation.sweep import sweep_proposals
from slos.facts import News, raise_facts
from slos.states import FactKind
from tests.factories.catalog import make_automation
from tests.factories.identity import SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text, make_published, make_runbook, save

pytestmark = pytest.mark.django_db
MOST = 12


@pytest.fixture
def owner() -> Person:
    return make_person("owner", team=make_team("revops"))


@pytest.fixture
def runbook(owner: Person) -> Runbook:
    make_automation("lead-router", owner=owner, team=owner.team, active=True, fallback="Batches")
    head = {"automation": "lead-router", "on_facts": "[silence]"}
    parts = PARTS | {"Signals": "The turnstile jams."}
    return make_published("router", text=a_text("When leads stop", parts=parts, **head), now=clock.now())


def proposed() -> Proposal:
    now = clock.now()
    automation = Automation.objects.get(slug="lead-router")
    raise_facts([News("f1", FactKind.SILENCE, "Silent.", now, automation=automation, trace_id="line-1")], now=now)
    sweep_proposals(now)
    return Proposal.objects.get()


@pytest.mark.parametrize("text", ["leads stop", "router", "turnstile"])
def test_a_runbook_is_found_by_its_name_what_it_is_for_and_its_words(runbook: Runbook, owner: Person, text: str):
    assert "When leads stop" in [hit.title for group in find(owner, text) for hit in group.hits]


def test_a_draft_is_found_by_who_writes_it_alone(owner: Person):
    make_runbook("hidden", text=a_text("Half written"))
    viewer, analyst = make_person(roles=[Role.VIEWER]), make_person(roles=[Role.ANALYST])
    found = [bool(find(one, "half written")) for one in (viewer, analyst)]
    assert found == [False, True]


def test_the_line_of_a_trace_tells_what_was_proposed_and_gone_through(runbook: Runbook, owner: Person):
    proposal, now = proposed(), clock.now()
    who: dict[str, Any] = {"person": owner, "actor": actor_for(owner), "now": now}
    started = start_proposal(proposal, reason="Late", **who)
    executions.finish_execution(started.execution, outcome="Leads flow.", **who)
    names = [step.name for step in get_trace(owner, "line-1").steps if step.kind == "runbook"]
    assert names == ["runbook.proposed", "execution.completed"]


def test_the_first_page_says_what_waits_for_me(runbook: Runbook, owner: Person):
    now = clock.now()
    proposed()
    operations.draw_month(month=f"{now:%Y-%m}", actor=SETUP, now=now)
    titles = [need.title for need in cockpit_of(owner, now).needs]
    assert titles == ["When leads stop is proposed", "Read When leads stop aloud"]
    stranger = make_person(roles=[Role.VIEWER])
    assert cockpit_of(stranger, now).needs == []
    who: dict[str, Any] = {"person": owner, "actor": actor_for(owner), "now": now}
    operations.validate_runbook(runbook, how="read_aloud", holds=True, **who)
    later = now + timedelta(hours=5)
    assert cockpit_of(owner, later).needs == []


@pytest.mark.parametrize("role", ["owner", Role.ANALYST, Role.OPS_LEAD, Role.VIEWER])
def test_a_full_page_of_a_runbook_costs_a_dozen_statements(runbook: Runbook, owner: Person, role: str):
    lead = make_person(roles=[Role.OPS_LEAD])
    playbook = make_published("guide", text=a_text("Guide", kind="playbook", parts=PARTS))
    who: dict[str, Any] = {"person": lead, "actor": actor_for(lead), "now": clock.now()}
    Runbook.objects.filter(pk=runbook.pk).update(derived_from=playbook, derived_from_number=1)
    revision = queries.get_published(runbook)
    assert revision is not None
    operations.report_step(revision, key=revision.steps.all()[0].key, words="Moved", **who)
    operations.validate_runbook(runbook, how="checked", holds=True, **who)
    proposed()
    save(runbook, a_text("When leads stop", automation="lead-router"), lead)
    person = owner if role == "owner" else make_person(roles=[Role(role)], team=owner.team)
    client = Client()
    client.force_login(person)
    client.get("/runbooks/router/")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get("/runbooks/router/").status_code == 200
    said = [one["sql"] for one in asked.captured_queries]
    assert len(said) <= MOST, "\n".join(f"{n}: {sql[:260]} ... {sql[-160:]}" for n, sql in enumerate(said))
