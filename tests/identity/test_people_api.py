"""People and teams over the API."""

import pytest
from django.test import Client

from opsportal.audit.models import Entry
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories import api
from tests.factories import identity as make

pytestmark = pytest.mark.django_db

ADA = {
    "username": "ada",
    "name": "Ada Okafor",
    "email": "ada@example.org",
    "timezone": "Africa/Lagos",
    "slack_id": "U024BE7LH",
    "manager": "lena",
    "team": "revops",
    "roles": ["analyst"],
    "active": True,
}
AWAY = {"from": "2026-11-03T09:00:00+01:00", "until": "2026-11-10T09:00:00+01:00", "reason": "Leave"}


@pytest.fixture
def house():
    team = make.make_team("revops")
    make.make_person("lena", roles=[Role.OPS_LEAD], team=team)
    return api.caller()


def test_a_person_is_added_read_and_changed(house):
    created = house.post("people/", ADA)
    assert created.status_code == 201
    assert created.json() == ADA
    assert house.get("people/ada/").json() == ADA
    changed = house.patch("people/ada/", {"roles": ["viewer"], "manager": None, "timezone": "UTC"})
    assert changed.json() == {**ADA, "roles": ["viewer"], "manager": None, "timezone": "UTC"}
    assert not Person.objects.get(username="ada").has_usable_password()


def test_a_change_says_in_the_trail_what_it_was_before(house):
    house.post("people/", ADA)
    house.patch("people/ada/", {"name": "Ada O.", "email": "ada@example.org"})
    entry = Entry.objects.get(action="person.changed")
    assert '"before":{"name":"Ada Okafor"}' in entry.detail.body
    assert entry.team == "revops"


def test_somebody_may_be_added_before_they_are_here(house):
    assert house.post("people/", {**ADA, "active": False}).json()["active"] is False


def test_deactivating_and_activating(house):
    house.post("people/", ADA)
    assert house.patch("people/ada/", {"active": False}).json()["active"] is False
    assert house.patch("people/ada/", {"active": True}).json()["active"] is True
    actions = list(Entry.objects.filter(action__contains="activated").order_by("id").values_list("action", flat=True))
    assert actions == ["person.deactivated", "person.reactivated"]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"username": "lena"}, 409, "username_taken", "username"),
        ({"username": "LENA"}, 409, "username_taken", "username"),
        ({"username": "a b"}, 422, "invalid", "username"),
        ({"username": ""}, 422, "blank", "username"),
        ({"name": " "}, 422, "blank", "name"),
        ({"name": "A\nB"}, 422, "control_character", "name"),
        ({"email": "nobody"}, 422, "invalid", "email"),
        ({"timezone": "Mars/Olympus"}, 422, "unknown_timezone", "timezone"),
        ({"slack_id": "U1\r\nX"}, 422, "bad_slack_id", "slack_id"),
        ({"manager": "nobody"}, 422, "unknown_person", "manager"),
        ({"team": "nowhere"}, 422, "unknown_team", "team"),
        ({"roles": ["superuser"]}, 422, "invalid_choice", "roles.0"),
        ({"roles": "analyst"}, 422, "not_a_list", "roles"),
        ({"is_staff": True}, 422, "unknown_field", "is_staff"),
        ({"is_superuser": True}, 422, "unknown_field", "is_superuser"),
        ({"password": "x"}, 422, "unknown_field", "password"),
        ({"active": "yes"}, 422, "wrong_type", "active"),
    ],
)
def test_a_person_that_could_not_be_meant_is_refused_at_its_field(house, change, status, code, field):
    problem = api.assert_problem(house.post("people/", {**ADA, **change}), status, code)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert Person.objects.count() == 1


def test_nobody_manages_themselves_in_a_circle(house):
    house.post("people/", ADA)
    api.assert_problem(house.patch("people/ada/", {"manager": "ada"}), 422, "manager_circle")
    api.assert_problem(house.patch("people/lena/", {"manager": "ada"}), 422, "manager_circle")


def test_the_user_name_stays(house):
    house.post("people/", ADA)
    assert house.patch("people/ada/", {"username": "eva"}).status_code == 422
    assert house.get("people/ada/").status_code == 200


def test_the_last_admin_stays(house):
    boss = make.make_person("boss", roles=[Role.ADMIN])
    api.assert_problem(house.patch("people/boss/", {"roles": ["viewer"]}), 409, "last_admin")
    api.assert_problem(house.patch("people/boss/", {"active": False}), 409, "last_admin")
    make.make_person("second", roles=[Role.ADMIN])
    assert house.patch("people/boss/", {"roles": ["viewer"]}).status_code == 200
    boss.refresh_from_db()
    assert not boss.is_staff


def test_only_the_admin_role_opens_the_admin_site_and_nobody_is_a_superuser(house):
    make.make_person("boss", roles=[Role.ADMIN])
    house.post("people/", {**ADA, "roles": ["admin", "ops_lead"]})
    ada = Person.objects.get(username="ada")
    assert (ada.is_staff, ada.is_superuser) == (True, False)
    house.patch("people/ada/", {"roles": ["ops_lead"]})
    ada.refresh_from_db()
    assert not ada.is_staff


def test_an_absence_is_noted_listed_and_ended(house):
    house.post("people/", ADA)
    noted = house.post("people/ada/absences/", AWAY)
    assert noted.status_code == 201
    absence = noted.json()
    assert absence == {
        "id": absence["id"],
        "from": "2026-11-03T08:00:00Z",
        "until": "2026-11-10T08:00:00Z",
        "reason": "Leave",
    }
    assert house.get("people/ada/absences/").json()["results"] == [absence]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"until": "2026-11-01T00:00:00Z"}, "until"),
        ({"until": "2026-11-03T08:00:00Z"}, "until"),
        ({"from": "2026-11-03T09:00:00"}, "from"),
        ({"from": "tomorrow"}, "from"),
        ({"from": 1762160400}, "from"),
        ({"from": "9999-12-31T23:59:59-14:00"}, "from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"until": None}, "until"),
    ],
)
def test_an_absence_that_could_not_be_meant_is_refused(house, change, field):
    house.post("people/", ADA)
    problem = api.assert_problem(house.post("people/ada/absences/", {**AWAY, **change}), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_who_may_note_an_absence_and_who_may_read_why():
    manager = make.make_person("mara")
    owner = make.make_person("ada", manager=manager)
    teammate = make.make_person("tom")
    leader = make.make_person("lena", roles=[Role.OPS_LEAD])
    address = "/api/v1/people/ada/absences/"
    for person, status in ((owner, 201), (manager, 201), (leader, 201), (teammate, 403)):
        answer = browser(person).post(address, AWAY, content_type=api.JSON)
        assert answer.status_code == status, (person, answer.content)
    for person, reason in ((owner, "Leave"), (manager, "Leave"), (leader, "Leave"), (teammate, "")):
        assert browser(person).get(address).json()["results"][0]["reason"] == reason


def test_an_absence_is_ended_by_who_may_note_it():
    owner, stranger = make.make_person("ada"), make.make_person("tom")
    far = {"from": "2050-01-01T00:00:00Z", "until": "2050-01-02T00:00:00Z"}
    absence = browser(owner).post("/api/v1/people/ada/absences/", far, content_type=api.JSON).json()
    address = f"/api/v1/people/ada/absences/{absence['id']}/"
    assert browser(stranger).delete(address).status_code == 403
    assert browser(owner).delete(address).status_code == 204
    assert browser(owner).delete(address).status_code == 404
    assert browser(owner).delete("/api/v1/people/ada/absences/999999999999999999/").status_code == 404


def test_writing_by_session_needs_the_csrf_token_and_writing_by_token_does_not():
    admin = make.make_person("boss", roles=[Role.ADMIN])
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    team = {"slug": "a", "name": "A"}
    api.assert_problem(client.post("/api/v1/teams/", team, content_type=api.JSON), 403, "csrf_failed")
    client.get("/account/profile/")
    token = client.cookies["csrftoken"].value
    answer = client.post("/api/v1/teams/", team, content_type=api.JSON, headers={"X-CSRFToken": token})
    assert answer.status_code == 201
    assert api.caller().post("teams/", {"slug": "b", "name": "B"}).status_code == 201


ROLES = [
    ([], 403, 403),
    (["viewer"], 200, 403),
    (["analyst"], 200, 403),
    (["ops_lead"], 200, 403),
    (["admin"], 200, 201),
]


@pytest.mark.parametrize(("roles", "reads", "writes"), ROLES)
def test_who_may_read_and_add_people(roles, reads, writes):
    client = browser(make.make_person("me", roles=[Role(role) for role in roles]))
    assert client.get("/api/v1/people/").status_code == reads
    answer = client.post("/api/v1/people/", {"username": "x", "name": "X"}, content_type=api.JSON)
    assert answer.status_code == writes
