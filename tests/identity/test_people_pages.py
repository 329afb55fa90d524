"""The pages of people, teams, tokens and one's account: who gets in, what is shown, what a button does."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.identity import operations, ownership
from opsportal.identity.models import ApiToken, Person, SavedFilter, Team
from opsportal.identity.roles import Role
from tests.factories import api
from tests.factories import identity as make

pytestmark = pytest.mark.django_db

ADMIN_PAGES = [
    "/people/add/",
    "/people/ada/edit/",
    "/people/ada/password/",
    "/people/ada/deactivate/",
    "/teams/add/",
    "/teams/revops/rename/",
]
ADMIN_BUTTONS = ["/people/ada/unlock/", "/people/ada/reactivate/"]


@pytest.fixture
def house():
    """Owner ada, her manager, a teammate, an outsider, a leader, a viewer, an admin."""
    team = make.make_team("revops")
    manager = make.make_person("mara", team=team)
    return {
        "owner": make.make_person("ada", name="Ada Okafor", team=team, manager=manager, slack_id="U1"),
        "manager": manager,
        "teammate": make.make_person("tom", team=team),
        "outsider": make.make_person("olga", team=make.make_team("sales")),
        "leader": make.make_person("lena", roles=[Role.OPS_LEAD]),
        "viewer": make.make_person("vera", roles=[Role.VIEWER]),
        "admin": make.make_person("boss", roles=[Role.ADMIN]),
        "nobody": make.make_person("nina", roles=[]),
    }


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_everybody_with_a_role_sees_people_and_whoever_has_none_does_not(house):
    for name, person in house.items():
        status = 403 if name == "nobody" else 200
        assert browser(person).get("/people/").status_code == status, name
        assert browser(person).get("/people/ada/").status_code == status, name


def test_only_admins_change_people_and_teams_and_others_are_in_the_trail(house):
    for name, person in house.items():
        client = browser(person)
        for page in ADMIN_PAGES:
            assert client.get(page).status_code == (200 if name == "admin" else 403), (name, page)
        for button in ADMIN_BUTTONS:
            assert client.post(button).status_code == (302 if name == "admin" else 403), (name, button)
    refused = Entry.objects.filter(action="access.refused", subject_id="people:write")
    assert set(refused.values_list("actor_id", flat=True)) == {
        str(person.pk) for name, person in house.items() if name != "admin"
    }


def test_the_list_tells_who_is_away_how_people_are_reached_and_what_they_own(house, monkeypatch):
    now, ada = clock.now(), house["owner"]
    operations.add_absence(
        ada, from_at=now - timedelta(hours=1), until=now + timedelta(hours=1), actor=make.SETUP, now=now
    )
    owned = [ownership.Owned(ada.pk, "automation", "Lead router", "/automations/lead-router/")]
    monkeypatch.setattr(ownership, "_questions", {"x": lambda ids: [each for each in owned if each.person_id in ids]})
    page = browser(house["viewer"]).get("/people/?q=ada").content.decode()
    for text in ("Ada Okafor", "away", "Slack, mail", 'href="/automations/lead-router/"'):
        assert text in page
    answer: Any = browser(house["viewer"]).get("/people/?q=ada&format=csv")
    csv = b"".join(answer.streaming_content).decode()
    assert "Ada Okafor,away,Revops,Analyst" in csv
    assert "Lead router" in csv


def test_the_list_costs_the_same_queries_for_many_people(house, django_assert_max_num_queries):
    for _ in range(30):
        make.make_person(team=house["owner"].team, manager=house["manager"])
    client = browser(house["viewer"])
    client.get("/people/")
    with django_assert_max_num_queries(12):
        client.get("/people/")


def test_who_left_is_shown_on_request_only(house):
    operations.deactivate_person(house["teammate"], actor=make.SETUP, now=make.NOW)
    client = browser(house["viewer"])
    assert "/people/tom/" not in client.get("/people/").content.decode()
    assert "/people/tom/" in client.get("/people/?active=no").content.decode()
    assert "/people/ada/" not in client.get("/people/?active=no").content.decode()


def test_an_admin_adds_somebody_who_then_signs_in(house):
    admin = browser(house["admin"])
    values = {"username": "eva", "name": "Eva", "timezone": "Europe/Berlin", "team": "revops", "roles": ["analyst"]}
    assert admin.post("/people/add/", values).status_code == 302
    assert admin.post("/people/eva/password/", {"password": make.PASSWORD, "again": make.PASSWORD}).status_code == 302
    eva = Client()
    assert eva.post("/login/", {"username": "eva", "password": make.PASSWORD}).status_code == 302
    assert eva.get("/people/eva/").status_code == 200


def test_refusals_stand_at_their_field(house):
    admin = browser(house["admin"])
    values = {"username": "ADA", "name": "Eva", "timezone": "UTC"}
    answer = admin.post("/people/add/", values)
    assert answer.status_code == 422
    assert "already" in answer.context["form"].errors["username"][0]
    weak = admin.post("/people/ada/password/", {"password": "password1234", "again": "password1234"})
    assert "password" in weak.context["form"].errors
    other = admin.post("/people/ada/password/", {"password": make.PASSWORD, "again": "something else 12"})
    assert "again" in other.context["form"].errors


def test_editing_keeps_what_the_form_shows(house):
    admin = browser(house["admin"])
    form = admin.get("/people/ada/edit/").context["form"]
    values = {name: form[name].value() or "" for name in form.fields}
    assert admin.post("/people/ada/edit/", values).status_code == 302
    assert not Entry.objects.filter(action__in=["person.changed", "person.roles_changed"]).exists()


def test_who_may_note_an_absence(house):
    values = {"from_at": "2026-12-01T09:00", "until": "2026-12-03T09:00", "reason": "Leave"}
    may = {"owner", "manager", "leader", "admin"}
    for name, person in house.items():
        answer = browser(person).post("/people/ada/absences/add/", values)
        assert answer.status_code == (302 if name in may else 403), name
        page = browser(person).get("/people/ada/").content.decode()
        assert ("Leave" in page) == (name in may), name
    absence = house["owner"].absences.first()
    assert browser(house["teammate"]).post(f"/people/ada/absences/{absence.pk}/end/").status_code == 403
    assert browser(house["owner"]).post(f"/people/ada/absences/{absence.pk}/end/").status_code == 302


def test_deactivating_ends_everything_at_once(house):
    ada = house["owner"]
    _, text = make.make_token("people:read", person=ada)
    hers = browser(ada)
    assert hers.get("/account/").status_code == 200
    browser(house["admin"]).post("/people/ada/deactivate/", {"reason": "Left the company"})
    assert hers.get("/account/").status_code == 302
    api.assert_problem(api.Caller(text).get("people/"), 401)
    assert "Left the company" in Entry.objects.get(action="person.deactivated").detail.body


def test_changing_things_by_get_changes_nothing(house):
    admin = browser(house["admin"])
    for button in [*ADMIN_BUTTONS, "/people/ada/absences/1/end/", "/account/sessions/x/end/", "/saved-filters/"]:
        assert admin.get(button).status_code == 405, button


def test_a_form_without_the_csrf_token_is_refused(house):
    client = Client(enforce_csrf_checks=True)
    client.force_login(house["admin"])
    assert client.post("/teams/add/", {"name": "X", "slug": "x"}).status_code == 403
    assert not Team.objects.filter(slug="x").exists()


def test_what_was_typed_is_shown_as_text(house):
    hostile = "<img src=x onerror=alert(1)>'\"{{7*7}}"
    operations.change_person(house["owner"], name=hostile, actor=make.SETUP, now=make.NOW)
    for page in ("/people/", "/people/ada/", "/people/mara/"):
        content = browser(house["admin"]).get(page).content.decode()
        assert "<img src=x" not in content
        assert "{{7*7}}" in content


def test_analysts_make_tokens_within_their_rights_and_viewers_none(house):
    assert browser(house["viewer"]).get("/tokens/add/").status_code == 403
    analyst = browser(house["owner"])
    offered = dict(analyst.get("/tokens/add/").context["form"].fields["scopes"].choices)
    assert "handoffs:write" in offered
    assert "people:write" not in offered
    values = {"name": "mine", "scopes": ["handoffs:read"], "days": 30}
    made = analyst.post("/tokens/add/", values)
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    token = ApiToken.objects.get()
    assert (token.person, token.created_by) == (house["owner"], house["owner"])
    beyond = analyst.post("/tokens/add/", {**values, "scopes": ["people:write"]})
    assert beyond.status_code == 422
    sneaky = analyst.post("/tokens/add/", {**values, "for_a_system": "on"})
    assert sneaky.status_code == 201
    assert not ApiToken.objects.filter(person=None).exists()


def test_tokens_are_seen_replaced_and_withdrawn_by_their_person_and_by_admins(house):
    token, _ = make.make_token("handoffs:read", person=house["owner"])
    for name, status in {"owner": 200, "teammate": 404, "outsider": 404, "leader": 404, "admin": 200}.items():
        client = browser(house[name])
        assert client.get(f"/tokens/{token.pk}/").status_code == status, name
        assert (token.name in client.get("/tokens/").content.decode()) == (status == 200), name
        if status == 404:
            assert client.post(f"/tokens/{token.pk}/revoke/", {}).status_code == 404
    made = browser(house["owner"]).post(f"/tokens/{token.pk}/rotate/", {"days": 30, "overlap_hours": 2})
    assert made.status_code == 201
    assert browser(house["admin"]).post(f"/tokens/{token.pk}/revoke/", {"reason": "leaked"}).status_code == 302
    token.refresh_from_db()
    assert token.disabled_at is not None


def test_filters_are_saved_shared_with_the_team_and_removed_by_their_owner(house):
    owner, teammate, outsider = (browser(house[name]) for name in ("owner", "teammate", "outsider"))
    saved = {"page": "/people/", "query": "team=revops", "name": "Ours", "share": "on"}
    assert owner.post("/saved-filters/", saved).status_code == 302
    for client, seen in ((owner, True), (teammate, True), (outsider, False)):
        assert ("Ours" in client.get("/people/").content.decode()) is seen
    row = SavedFilter.objects.get()
    assert teammate.post(f"/saved-filters/{row.pk}/delete/").status_code == 404
    assert owner.post(f"/saved-filters/{row.pk}/delete/").status_code == 302
    assert not SavedFilter.objects.exists()


def test_ones_own_profile_is_changed_without_an_admin(house):
    answer = browser(house["owner"]).post("/account/profile/", {"timezone": "Asia/Kolkata", "slack_id": "U9"})
    assert answer.status_code == 302
    ada = Person.objects.get(username="ada")
    assert (ada.timezone, ada.slack_id, ada.name) == ("Asia/Kolkata", "U9", "Ada Okafor")
