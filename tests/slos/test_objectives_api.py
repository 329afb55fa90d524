"""/api/v1/slos/: who sees and writes what, and what the answers look like."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal import clock
from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.states import State
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.models import Exclusion, Slo
from tests.factories.catalog import make_automation
from tests.factories.identity import bearer, make_person, make_team, make_token
from tests.factories.objectives import document, make_slo

pytestmark = pytest.mark.django_db

URL = "/api/v1/slos/"
PEOPLE = ("owner", "teammate", "outsider", "leader", "ops_lead")


@dataclass
class House:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    ops_lead: Person
    automation: Automation
    slo: Slo


@pytest.fixture
def house() -> House:
    revops, support = make_team("revops"), make_team("support")
    owner = make_person("owner", team=revops)
    automation = make_automation("lead-router", team=revops, owner=owner)
    return House(
        owner=owner,
        teammate=make_person("teammate", team=revops),
        outsider=make_person("outsider", team=support),
        leader=make_person("leader", roles=[Role.VIEWER]),
        ops_lead=make_person("opslead", roles=[Role.OPS_LEAD], team=support),
        automation=automation,
        slo=make_slo("router-availability", automation=automation),
    )


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def post(client: Client, path: str, body: dict[str, Any], **headers: str) -> Any:
    return client.post(f"{URL}{path}", body, content_type="application/json", headers=headers)


@pytest.mark.parametrize(("who", "status"), list(zip(PEOPLE, (200, 200, 404, 200, 200), strict=True)))
def test_who_sees_it(house: House, who: str, status: int):
    client = signed_in(getattr(house, who))
    for path in ("", "budget/", "burndown/", "burn/", "exclusions/", "versions/", "formula/"):
        assert client.get(f"{URL}router-availability/{path}").status_code == status, path
    listed = [row["slug"] for row in client.get(URL).json()["results"]]
    assert listed == (["router-availability"] if status == 200 else [])


@pytest.mark.parametrize(("who", "status"), list(zip(PEOPLE, (200, 403, 404, 403, 200), strict=True)))
def test_who_changes_it(house: House, who: str, status: int):
    client = signed_in(getattr(house, who))
    url, body = f"{URL}router-availability/", {"target": "99.9", "reason": "Sales asked"}
    assert client.patch(url, body, content_type="application/json").status_code == status
    house.slo.refresh_from_db()
    assert house.slo.version == (2 if status == 200 else 1)
    assert post(client, "router-availability/retire/", {}).status_code == status


@pytest.mark.parametrize(("who", "status"), list(zip(PEOPLE, (201, 403, 422, 403, 201), strict=True)))
def test_who_writes_one(house: House, who: str, status: int):
    """The outsider may not even know that the automation exists."""
    body = document("another", automation="lead-router")
    assert post(signed_in(getattr(house, who)), "", body).status_code == status


def test_the_answer_has_the_published_shape(house: House):
    body = {
        "slug": "router-week",
        "automation": "lead-router",
        "kind": "availability",
        "method": "downtime",
        "target": "99.5",
        "window": {"kind": "calendar", "unit": "week", "timezone": "Europe/Berlin"},
        "violation": {"max_run_seconds": 600, "consecutive_failures": 2},
    }
    answer = post(signed_in(house.ops_lead), "", body)
    assert answer.status_code == 201
    said = answer.json()
    assert {key: said[key] for key in body} == body
    assert (said["name"], said["state"], said["version"]) == ("router-week", "active", 1)
    budget = signed_in(house.leader).get(f"{URL}router-week/budget/").json()
    assert budget["budget"]["total_minutes"] == "50.4"
    supposed = signed_in(house.leader).get(f"{URL}router-week/budget/?target=99").json()
    assert (supposed["target"], supposed["budget"]["total_minutes"]) == ("99", "100.8")
    for query, code in (("target=100", "out_of_range"), ("threshold_seconds=5", "not_applicable")):
        assert code in signed_in(house.leader).get(f"{URL}router-week/budget/?{query}").content.decode()


def test_every_refusal_is_told_at_its_field(house: House):
    body = document("bad", automation="lead-router", target="100", kind="latency", window={"kind": "rolling"})
    answer = post(signed_in(house.ops_lead), "", body)
    assert answer.status_code == 422
    refused = {one["field"]: one["code"] for one in answer.json()["errors"]}
    assert refused == {
        "target": "out_of_range",
        "window.days": "out_of_range",
        "threshold_seconds": "blank",
    }
    again = post(signed_in(house.ops_lead), "", document("router-availability", automation="lead-router"))
    assert (again.status_code, again.json()["code"]) == (409, "slug_taken")


def test_a_change_of_one_field_leaves_the_others(house: House):
    client = signed_in(house.ops_lead)
    before = client.get(f"{URL}router-availability/").json()
    client.patch(f"{URL}router-availability/", {"description": "For sales."}, content_type="application/json")
    after = client.get(f"{URL}router-availability/").json()
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"description", "version", "updated_at"}
    versions = client.get(f"{URL}router-availability/versions/").json()["results"]
    assert [(one["number"], one["definition"]["description"]) for one in versions] == [(2, "For sales."), (1, "")]


def test_an_analyst_proposes_and_an_ops_lead_agrees(house: House):
    """A proposal is a definition that waits; nobody decides their own."""
    asked = post(
        signed_in(house.teammate),
        "propose/",
        {"slug": "router-availability", "target": "99.9", "reason": "Leads wait"},
    )
    assert asked.status_code == 202
    approval = Approval.objects.get(pk=asked.json()["approval"])
    assert house.slo.version == 1
    now = clock.now()
    approvals.approve(approval.pk, person=house.ops_lead, now=now, authenticated_at=now)
    house.slo.refresh_from_db()
    approval.refresh_from_db()
    assert (str(house.slo.target.normalize()), house.slo.version, approval.state) == ("99.9", 2, State.USED)
    version = house.slo.versions.first()
    assert (version.author, version.reason) == (house.ops_lead, "Proposed by Teammate. Leads wait")


@pytest.mark.parametrize(("who", "status"), list(zip(PEOPLE, (202, 202, 422, 403, 202), strict=True)))
def test_who_proposes(house: House, who: str, status: int):
    """To the outsider it is a new SLO, without what a new one needs."""
    body = {"slug": "router-availability", "target": "99.1"}
    assert post(signed_in(getattr(house, who)), "propose/", body).status_code == status
    assert Approval.objects.count() == (status == 202)


def test_a_proposal_that_was_overtaken_is_void(house: House):
    client = signed_in(house.teammate)
    asked = post(client, "propose/", {"slug": "router-availability", "target": "99.9"}).json()
    signed_in(house.ops_lead).patch(f"{URL}router-availability/", {"target": "99"}, content_type="application/json")
    now = clock.now()
    approval = approvals.approve(asked["approval"], person=house.ops_lead, now=now, authenticated_at=now)
    assert (approval.state, "changed meanwhile" in approval.closing_reason) == (State.VOIDED, True)
    house.slo.refresh_from_db()
    assert house.slo.target == 99


def test_planned_maintenance_is_left_out_at_once(house: House):
    now = clock.now()
    body = {
        "from": (now + timedelta(hours=1)).isoformat(),
        "until": (now + timedelta(hours=2)).isoformat(),
        "reason": "CRM upgrade",
    }
    answer = post(signed_in(house.owner), "router-availability/exclusions/", body)
    assert (answer.status_code, answer.json()["state"], answer.json()["author"]) == (201, "planned", "owner")
    assert Exclusion.objects.in_force().count() == 1
    token = make_token("slos:write", name="Release robot")[1]
    other = Client().post(
        f"{URL}router-availability/exclusions/",
        {**body, "scope": "automation"},
        content_type="application/json",
        headers=bearer(token),
    )
    assert (other.status_code, other.json()["author"], other.json()["automation"]) == (
        201, "Release robot", "lead-router",
    )  # fmt: skip


def test_what_has_passed_waits_for_a_second_person(house: House):
    now = clock.now()
    body = {"from": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat(), "reason": "Provider was down"}
    answer = post(signed_in(house.owner), "router-availability/exclusions/", body)
    assert (answer.status_code, answer.json()["state"]) == (201, "waiting")
    assert not Exclusion.objects.in_force().exists()
    approval = Approval.objects.get(kind="slos.exclusion")
    for person in (house.owner, house.teammate):
        with pytest.raises(Exception, match="asked for it yourself|not decide"):
            approvals.approve(approval.pk, person=person, now=now, authenticated_at=now)
    approvals.approve(approval.pk, person=house.ops_lead, now=now, authenticated_at=now)
    exclusion = Exclusion.objects.in_force().get()
    assert (exclusion.approved_by, exclusion.author) == (house.ops_lead, house.owner)
    shown = signed_in(house.leader).get(f"{URL}router-availability/exclusions/").json()["results"]
    assert (shown[0]["state"], shown[0]["approved_by"]) == ("over", "opslead")
    url = f"router-availability/exclusions/{exclusion.pk}/withdraw/"
    assert post(signed_in(house.owner), url, {"reason": "It was ours"}).json()["state"] == "withdrawn"
    assert post(signed_in(house.owner), url, {}).status_code == 409


def test_a_program_leaves_nothing_out_after_the_fact(house: House):
    now = clock.now()
    body = {"from": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat(), "reason": "Provider was down"}
    answer = Client().post(
        f"{URL}router-availability/exclusions/",
        body,
        content_type="application/json",
        headers=bearer(make_token("slos:write")[1]),
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "needs_a_person")


def test_the_arithmetic_is_told_line_by_line(house: House):
    lines = signed_in(house.leader).get(f"{URL}router-availability/formula/").json()
    assert [one["label"] for one in lines][:4] == ["SLI", "Error budget", "Allowed", "Consumed"]
    assert lines[1] == {
        "label": "Error budget",
        "formula": "B = 1 − target",
        "inputs": {"target": "99.5%"},
        "result": "0.5%",
    }
