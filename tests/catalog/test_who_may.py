"""Four people before one automation: its owner, a teammate, an outsider, a leader. And an ops lead and tokens."""

from dataclasses import dataclass

import pytest
from django.test import Client

from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db

URL = "/api/v1/automations/"


@dataclass
class House:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    ops_lead: Person
    automation: Automation


@pytest.fixture
def house() -> House:
    revops, support = make_team("revops"), make_team("support")
    owner = make_person("owner", team=revops)
    return House(
        owner=owner,
        teammate=make_person("teammate", team=revops),
        outsider=make_person("outsider", team=support),
        leader=make_person("leader", roles=[Role.VIEWER]),
        ops_lead=make_person("opslead", roles=[Role.OPS_LEAD], team=support),
        automation=make_automation("lead-router", team=revops, owner=owner),
    )


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


@pytest.mark.parametrize(
    ("who", "page", "listed"),
    [
        ("owner", 200, True),
        ("teammate", 200, True),
        ("outsider", 404, False),
        ("leader", 200, True),
        ("ops_lead", 200, True),
    ],
)
def test_who_sees_it(house: House, who: str, page: int, listed: bool):
    client = signed_in(getattr(house, who))
    assert client.get("/automations/lead-router/").status_code == page
    assert client.get(f"{URL}lead-router/").status_code == page
    assert client.get(f"{URL}lead-router/gate/").status_code == page
    assert (b"Lead router" in client.get("/automations/").content) is listed
    assert [row["slug"] for row in client.get(URL).json()["results"]] == (["lead-router"] if listed else [])
    assert [row["slug"] for row in client.get(URL, {"q": "lead"}).json()["results"]] == (
        ["lead-router"] if listed else []
    )


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("teammate", 403), ("outsider", 404), ("leader", 403), ("ops_lead", 200)]
)
def test_who_edits_it_over_the_api(house: House, who: str, status: int):
    body = {"criticality_notes": "New leads wait."}
    client = signed_in(getattr(house, who))
    assert client.patch(f"{URL}lead-router/", body, content_type="application/json").status_code == status
    house.automation.refresh_from_db()
    assert (house.automation.criticality_notes != "") is (status == 200)


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("teammate", 403), ("outsider", 404), ("leader", 403), ("ops_lead", 200)]
)
def test_who_opens_the_form(house: House, who: str, status: int):
    assert signed_in(getattr(house, who)).get("/automations/lead-router/edit/").status_code == status


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 302), ("teammate", 403), ("outsider", 404), ("leader", 403), ("ops_lead", 302)]
)
def test_who_puts_it_into_service(house: House, who: str, status: int):
    client = signed_in(getattr(house, who))
    assert client.post("/automations/lead-router/activate/", {"change": "feature"}).status_code == status
    house.automation.refresh_from_db()
    assert (house.automation.state == "active") is (status == 302)


@pytest.mark.parametrize(("who", "status"), [("owner", 403), ("leader", 403), ("ops_lead", 201)])
def test_who_adds_one(house: House, who: str, status: int):
    body = {"slug": "deal-sync", "name": "Deal sync"}
    client = signed_in(getattr(house, who))
    assert client.post(URL, body, content_type="application/json").status_code == status


def test_a_backup_of_another_team_sees_and_edits_what_they_back_up(house: House):
    house.automation.backup_owner = house.outsider
    house.automation.save()
    client = signed_in(house.outsider)
    assert client.get("/automations/lead-router/").status_code == 200
    assert client.patch(f"{URL}lead-router/", {"name": "Router"}, content_type="application/json").status_code == 200


def test_a_token_sees_its_team_and_needs_the_scope(client: Client, house: House):
    _, reader = make_token("catalog:read", team=house.owner.team)
    _, stranger = make_token("catalog:read", team=house.outsider.team)
    _, other = make_token("handoffs:read")
    assert client.get(f"{URL}lead-router/", headers=bearer(reader)).status_code == 200
    assert client.get(f"{URL}lead-router/", headers=bearer(stranger)).status_code == 404
    assert client.get(f"{URL}lead-router/", headers=bearer(other)).status_code == 403
    patched = client.patch(f"{URL}lead-router/", {"name": "x"}, content_type="application/json", headers=bearer(reader))
    assert patched.status_code == 403


def test_nobody_moves_it_to_a_team_they_do_not_see(house: House):
    body = {"team": "support"}
    response = signed_in(house.owner).patch(f"{URL}lead-router/", body, content_type="application/json")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "team")


def test_the_owner_is_told_at_the_page_what_a_freeze_holds_back(house: House):
    from opsportal import clock

    make_freeze(now=clock.now())
    client = signed_in(house.owner)
    response = client.post("/automations/lead-router/activate/", {"change": "feature"}, follow=True)
    assert b"frozen until" in response.content
    house.automation.refresh_from_db()
    assert house.automation.state == "draft"
