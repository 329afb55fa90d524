"""The admin site: open to the Admin role, writes through operations, facts read-only, the queue not there at all."""

import pytest
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse

from opsportal.audit.models import Entry
from opsportal.identity.models import Person, Team
from opsportal.identity.roles import GROUP_NAMES, Role
from tests.factories import identity as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(make.make_person("boss", roles=[Role.ADMIN]))
    return client


def test_only_the_admin_role_gets_in(boss):
    assert boss.get("/admin/").status_code == 200
    for role in (Role.VIEWER, Role.ANALYST, Role.OPS_LEAD):
        other = Client()
        other.force_login(make.make_person(roles=[role]))
        assert other.get("/admin/", follow=True).status_code == 403, role


@pytest.mark.parametrize("model", ["person", "team", "absence", "apitoken"])
def test_every_list_and_form_opens(boss, model):
    make.make_team("revops")
    make.make_token()
    assert boss.get(f"/admin/identity/{model}/").status_code == 200
    assert boss.get(f"/admin/identity/{model}/add/").status_code == (200 if model in ("person", "team") else 403)


def test_a_person_changed_there_is_in_the_trail(boss):
    ada = make.make_person("ada", name="Ada")
    values = {"name": "Ada O.", "email": ada.email, "timezone": "UTC", "slack_id": "", "roles": ["ops_lead"]}
    assert boss.post(f"/admin/identity/person/{ada.pk}/change/", values).status_code == 302
    ada = Person.objects.get(pk=ada.pk)
    assert (ada.name, ada.roles, ada.is_superuser) == ("Ada O.", [Role.OPS_LEAD], False)
    entries = Entry.objects.filter(subject_id=str(ada.pk), action__in=["person.changed", "person.roles_changed"])
    assert entries.count() == 2
    assert {entry.source for entry in entries} == {"admin"}


def test_a_person_and_a_team_are_added_there(boss):
    person = {"username": "eva", "name": "Eva", "email": "", "timezone": "UTC", "slack_id": "", "roles": ["viewer"]}
    assert boss.post("/admin/identity/person/add/", person).status_code == 302
    assert Person.objects.get(username="eva").roles == [Role.VIEWER]
    assert boss.post("/admin/identity/team/add/", {"slug": "sales", "name": "Sales"}).status_code == 302
    team = Team.objects.get(slug="sales")
    assert boss.post(f"/admin/identity/team/{team.pk}/change/", {"name": "Sales and more"}).status_code == 302
    assert list(Entry.objects.filter(subject_type="team").values_list("action", flat=True)) == [
        "team.renamed",
        "team.created",
    ]


def test_flags_and_groups_cannot_be_smuggled_in(boss):
    ada = make.make_person("ada")
    values = {
        "name": "Ada",
        "timezone": "UTC",
        "roles": ["viewer"],
        "is_superuser": "on",
        "is_staff": "on",
        "groups": "1",
    }
    boss.post(f"/admin/identity/person/{ada.pk}/change/", values)
    ada = Person.objects.get(pk=ada.pk)
    assert (ada.is_superuser, ada.is_staff, ada.roles) == (False, False, [Role.VIEWER])


def test_nobody_is_deleted_and_facts_are_not_changed(boss):
    ada, (token, _) = make.make_person("ada"), make.make_token()
    assert boss.post(f"/admin/identity/person/{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"/admin/identity/apitoken/{token.pk}/change/", {"name": "x"}).status_code == 403
    assert boss.post(f"/admin/identity/apitoken/{token.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "digest" not in boss.get(f"/admin/identity/apitoken/{token.pk}/change/").content.decode().lower()


@pytest.mark.parametrize(
    "name", ["django_q_schedule", "django_q_ormq", "django_q_success", "django_q_failure", "auth_group"]
)
def test_what_runs_code_or_grants_rights_is_not_there(name):
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:{name}_changelist")


def test_the_rights_of_the_admin_group_are_kept_in_step_and_leave_the_queue_out():
    group = Group.objects.get(name=GROUP_NAMES[Role.ADMIN])
    before = set(group.permissions.values_list("content_type__app_label", "codename"))
    assert ("identity", "change_person") in before
    assert ("axes", "view_accessattempt") in before
    assert not {permission for permission in before if permission[0] == "django_q"}
    assert not {name for label, name in before if label == "auth" and not name.startswith("view_")}
    call_command("migrate", verbosity=0)
    assert set(group.permissions.values_list("content_type__app_label", "codename")) == before
    assert callable(create_permissions)
