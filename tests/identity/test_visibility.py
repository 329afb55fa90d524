"""Who sees which team's records: owner, teammate, outsider, leader, and tokens of each kind."""

from typing import Any

import pytest
from django.test import RequestFactory

from opsportal.audit.engine import Actor
from opsportal.identity import actors, queries
from opsportal.identity.roles import SCOPES, SCOPES_OF_ROLE, Role
from tests.factories import identity as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def revops():
    return make.make_team("revops")


@pytest.fixture
def sales():
    return make.make_team("sales")


def test_people_see_their_own_team_and_leaders_all(revops, sales):
    owner = make.make_person("owner", team=revops)
    teammate = make.make_person("teammate", team=revops)
    outsider = make.make_person("outsider", team=sales)
    leader = make.make_person("leader", roles=[Role.OPS_LEAD], team=sales)
    assert queries.visible_teams(owner) == queries.visible_teams(teammate) == {revops.pk}
    assert queries.visible_teams(outsider) == {sales.pk}
    assert queries.visible_teams(leader) is None
    assert queries.visible_team_slugs(owner) == {"revops"}
    assert queries.visible_team_slugs(leader) is None


def test_a_viewer_without_a_team_sees_all_and_an_analyst_without_one_none(revops):
    assert queries.visible_teams(make.make_person(roles=[Role.VIEWER])) is None
    assert queries.visible_teams(make.make_person(roles=[Role.VIEWER], team=revops)) == {revops.pk}
    assert queries.visible_teams(make.make_person(roles=[Role.ANALYST])) == set()
    assert queries.visible_teams(make.make_person(roles=[])) == set()
    assert queries.visible_teams(make.make_person(roles=[Role.ADMIN], team=revops)) is None
    assert queries.visible_teams(None) == set()


def test_a_token_sees_its_team_or_what_its_person_sees_whichever_is_less(revops, sales):
    analyst = make.make_person(team=revops)
    leader = make.make_person(roles=[Role.OPS_LEAD])
    scope = "handoffs:read"
    assert queries.visible_teams(make.make_token(scope)[0]) is None
    assert queries.visible_teams(make.make_token(scope, team=sales)[0]) == {sales.pk}
    assert queries.visible_teams(make.make_token(scope, person=analyst)[0]) == {revops.pk}
    assert queries.visible_teams(make.make_token(scope, person=analyst, team=sales)[0]) == set()
    assert queries.visible_teams(make.make_token(scope, person=leader, team=sales)[0]) == {sales.pk}


def test_rights_of_the_roles_are_what_the_plan_says():
    assert not any(scope.endswith(":write") for scope in SCOPES_OF_ROLE[Role.VIEWER])
    assert not SCOPES_OF_ROLE[Role.VIEWER] & {"replay:read", "audit:read", "events:read", "runs:read"}
    assert "handoffs:write" in SCOPES_OF_ROLE[Role.ANALYST]
    assert "handoffs:configure" not in SCOPES_OF_ROLE[Role.ANALYST]
    assert "handoffs:configure" in SCOPES_OF_ROLE[Role.OPS_LEAD]
    assert "people:write" not in SCOPES_OF_ROLE[Role.OPS_LEAD]
    assert {scope for scope in SCOPES_OF_ROLE[Role.ADMIN] if not scope.endswith(":read")} == {"people:write"}
    assert "admin" not in frozenset().union(*SCOPES_OF_ROLE.values())
    assert all(scopes <= {*SCOPES, "handoffs:configure"} for scopes in SCOPES_OF_ROLE.values())


def test_nobody_inactive_may_do_anything(revops):
    person = make.make_person(roles=[Role.OPS_LEAD])
    assert person.allows("handoffs:write")
    person.is_active = False
    assert not person.allows("handoffs:write")


def test_the_actor_of_a_request_is_the_token_before_the_person():
    person = make.make_person("ada", name="Ada")
    token, _ = make.make_token(name="n8n")
    request: Any = RequestFactory().get("/")
    assert actors.actor_of(request).kind == "unknown"
    request.user = person
    assert actors.actor_of(request) == Actor("human", str(person.pk), "Ada")
    request.auth = token
    assert actors.actor_of(request) == Actor("token", str(token.pk), "n8n")
    assert actors.principal_of(request) is token


def test_absent_people_are_found_with_one_query(django_assert_num_queries):
    from datetime import timedelta

    from opsportal.identity import operations

    away, back, soon = (make.make_person() for _ in range(3))
    hour = timedelta(hours=1)
    for person, start, end in ((away, -hour, hour), (back, -2 * hour, 0 * hour), (soon, hour, 2 * hour)):
        operations.add_absence(person, from_at=make.NOW + start, until=make.NOW + end, actor=make.SETUP, now=make.NOW)
    with django_assert_num_queries(1):
        assert queries.absent_person_ids([away.pk, back.pk, soon.pk], make.NOW) == {away.pk}
