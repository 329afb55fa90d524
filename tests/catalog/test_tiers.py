"""The tier of an automation is agreed by two people: one of RevOps, one of sales leadership."""

from datetime import timedelta

import pytest
from django.test import Client

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.catalog import operations, tiers
from opsportal.catalog.engine.tiers import tier_of
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, bearer, make_person, make_team, make_token

LATER = NOW + timedelta(hours=1)
REASON = "It touches pipeline."


@pytest.mark.parametrize(
    ("answers", "tier"),
    [
        ({"pipeline": True}, "P0"),
        ({"retention": True}, "P0"),
        ({"pipeline": False, "efficiency": True}, "P1"),
        ({"others": True}, "P1"),
        ({}, "P2"),
    ],
)
def test_the_tier_test(answers: dict[str, bool], tier: str):
    assert tier_of(answers).tier == tier


@pytest.fixture
def ops_lead(db: None) -> Person:
    return make_person("kim", roles=[Role.OPS_LEAD])


@pytest.fixture
def leader(db: None) -> Person:
    return make_person("ana", roles=[Role.VIEWER])


def propose(automation, person: Person, tier: str = "P0") -> Approval:
    return tiers.propose_tier(automation, tier=tier, requested_by=person, now=NOW, reason=REASON)


def approve(approval: Approval, person: Person) -> Approval:
    return approvals.approve(approval.pk, person=person, now=LATER, authenticated_at=LATER)


@pytest.mark.parametrize("leader_asks", [False, True])
def test_it_takes_effect_once_both_sides_agree(ops_lead: Person, leader: Person, leader_asks: bool):
    automation = make_automation("router", tier="P2", owner=make_person(), active=True)
    asks, decides = (leader, ops_lead) if leader_asks else (ops_lead, leader)
    approval = propose(automation, asks)
    automation.refresh_from_db()
    assert automation.tier == "P2"
    assert approve(approval, decides).state == "used"
    automation.refresh_from_db()
    assert (automation.tier, automation.tier_agreed_at) == ("P0", LATER)
    assert (automation.tier_agreed_revops, automation.tier_agreed_sales) == (ops_lead, leader)
    entry = audit.entries_of("automation", "router").last()
    assert sentences.sentence(entry) == (
        "Kim for RevOps and Ana for sales leadership agreed that Router is P0. It touches pipeline."
    )


def test_one_side_alone_does_not_decide(ops_lead: Person, leader: Person):
    approval = propose(make_automation(), ops_lead)
    other_lead = make_person(roles=[Role.OPS_LEAD])
    with pytest.raises(Forbidden):
        approve(approval, other_lead)
    with pytest.raises(Forbidden):
        approve(approval, ops_lead)
    assert approve(approval, leader).state == "used"


@pytest.mark.django_db
def test_who_speaks_for_neither_side_proposes_nothing():
    with pytest.raises(Forbidden):
        propose(make_automation(), make_person(roles=[Role.ANALYST]))


def test_a_proposal_needs_a_reason_and_a_known_tier(ops_lead: Person):
    automation = make_automation()
    with pytest.raises(InvalidInput):
        tiers.propose_tier(automation, tier="P0", requested_by=ops_lead, now=NOW, reason=" ")
    with pytest.raises(InvalidInput):
        tiers.propose_tier(automation, tier="P7", requested_by=ops_lead, now=NOW, reason=REASON)


def test_a_proposal_is_void_when_the_tier_has_moved_meanwhile(ops_lead: Person, leader: Person):
    automation = make_automation(tier="P2")
    approval = propose(automation, ops_lead)
    operations.change_automation(automation, values={"tier": "P1"}, actor=SETUP, now=NOW)
    done = approve(approval, leader)
    assert (done.state, done.closing_reason) == ("voided", "Its tier is P1 meanwhile. Propose again from there.")


def test_an_agreed_tier_is_no_field_any_more(ops_lead: Person, leader: Person):
    automation = make_automation(tier="P1")
    approve(propose(automation, ops_lead, "P1"), leader)
    automation.refresh_from_db()
    with pytest.raises(Conflict) as refusal:
        operations.change_automation(automation, values={"tier": "P2"}, actor=SETUP, now=NOW)
    assert refusal.value.code == "agreement_needed"
    with pytest.raises(Conflict):
        propose(automation, ops_lead, "P1")


@pytest.mark.django_db
def test_the_tier_of_what_is_in_service_is_no_field():
    automation = make_automation(tier="P1", owner=make_person(), active=True)
    with pytest.raises(Conflict) as refusal:
        operations.change_automation(automation, values={"tier": "P2"}, actor=SETUP, now=NOW)
    assert refusal.value.code == "agreement_needed"


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "status"), [("owner", 403), ("teammate", 403), ("outsider", 404), ("leader", 201), ("ops_lead", 201)]
)
def test_who_proposes_over_the_api(who: str, status: int):
    revops, support = make_team("revops"), make_team("support")
    people = {
        "owner": make_person(team=revops),
        "teammate": make_person(team=revops),
        "outsider": make_person(team=support),
        "leader": make_person(roles=[Role.VIEWER]),
        "ops_lead": make_person(roles=[Role.OPS_LEAD]),
    }
    make_automation("router", team=revops, owner=people["owner"])
    body = {"tier": "P0", "reason": REASON}
    answer = signed_in(people[who]).post("/api/v1/automations/router/tier/", body, content_type="application/json")
    assert answer.status_code == status
    assert Approval.objects.exists() is (status == 201)


@pytest.mark.django_db
def test_a_token_proposes_no_tier(client: Client):
    make_automation("router")
    headers = bearer(make_token("admin")[1])
    body = {"tier": "P0", "reason": REASON}
    answer = client.post("/api/v1/automations/router/tier/", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "needs_a_person")


def test_the_page_of_the_test_proposes_what_it_found(ops_lead: Person):
    make_automation("router")
    client = signed_in(ops_lead)
    page = client.get("/automations/router/tier/", {"pipeline": "yes"}).content.decode()
    assert "Propose P0 to sales leadership" in page
    answer = client.post("/automations/router/tier/", {"tier": "P0", "reason": REASON})
    assert answer.status_code == 302
    assert "proposes: Agree that Router is P0" in client.get("/automations/router/tier/").content.decode()
    assert "It waits for a decision" in client.get("/automations/router/").content.decode()
    assert client.post("/automations/router/tier/", {"tier": "P0", "reason": ""}).status_code == 422
