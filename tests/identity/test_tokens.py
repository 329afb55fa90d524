"""Tokens: their form, what is stored, where and when they open a door, and what the trail hears."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity import keys, operations
from opsportal.identity.models import ApiToken
from opsportal.identity.roles import SCOPES, Role
from tests.factories import api
from tests.factories import identity as make

pytestmark = pytest.mark.django_db


def refused_actions() -> list[str]:
    return list(
        Entry.objects.filter(action__in=["token.refused", "token.leaked", "access.refused"]).values_list(
            "action", flat=True
        )
    )


def test_a_token_says_what_it_is_and_checks_itself():
    key = keys.new_key()
    assert key.text.startswith("ops_")
    assert keys.parse(key.text) == key
    assert len({keys.new_key().text for _ in range(100)}) == 100


def test_every_single_mistyped_character_is_noticed_without_the_database():
    text = keys.new_key().text
    for place in range(len(text)):
        for other in "aB7_":
            changed = text[:place] + other + text[place + 1 :]
            assert changed == text or keys.parse(changed) is None


def test_the_database_holds_no_secret():
    token, text = make.make_token("people:read")
    key = keys.parse(text)
    stored = [str(value) for value in ApiToken.objects.values_list().get()]
    assert not any(key.secret in value or text in value for value in stored)
    assert bytes(ApiToken.objects.get().digest) == key.digest
    everything = "".join(Entry.objects.select_related("detail").values_list("detail__body", flat=True))
    assert key.secret not in everything
    assert text not in str(token)


def test_wrong_check_digits_cost_no_query():
    caller = api.Caller(keys.new_key().text[:-1] + "_")
    with CaptureQueriesContext(connection) as queries:
        api.assert_problem(caller.get("people/"), 401, "unknown_token")
    assert len(queries) == 0


@pytest.mark.parametrize("text", ["", "x", "ops_", "ops_" + "a" * 59, "Bearer", "🦊", "ops_aaaaaaaaaaaa_" + "ü" * 46])
def test_what_is_no_token_is_401(text):
    answer = api.Caller(text).get("people/")
    api.assert_problem(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_well_formed_token_that_nobody_made_is_401():
    api.assert_problem(api.Caller(keys.new_key().text).get("people/"), 401, "unknown_token")


def test_the_right_key_id_with_another_secret_is_401():
    _, text = make.make_token()
    other = keys.Key(keys.parse(text).key_id, keys.new_key().secret)
    api.assert_problem(api.Caller(other.text).get("people/"), 401, "unknown_token")


def test_an_expired_token_is_401_and_in_the_trail():
    token, text = make.make_token(now=clock.now() - timedelta(days=31), days=30)
    api.assert_problem(api.Caller(text).get("people/"), 401, "token_expired")
    entry = Entry.objects.get(action="token.refused")
    assert (entry.actor_kind, entry.actor_id, entry.subject_id) == ("token", str(token.pk), str(token.pk))


def test_a_withdrawn_token_is_401_and_in_the_trail():
    token, text = make.make_token()
    operations.revoke_token(token, actor=make.SETUP, now=clock.now())
    api.assert_problem(api.Caller(text).get("people/"), 401, "token_disabled")
    assert refused_actions() == ["token.refused"]


def test_a_token_is_bound_to_its_networks():
    _, text = make.make_token(networks=["10.0.0.0/8", "2001:db8::/32"])
    caller = api.Caller(text)
    api.assert_problem(caller.get("people/"), 401, "token_wrong_network")
    assert refused_actions() == ["token.refused"]
    inside = caller.client.get("/api/v1/people/", headers=make.bearer(text), REMOTE_ADDR="10.1.2.3")
    assert inside.status_code == 200


def test_a_forwarded_address_does_not_open_a_network_unless_our_proxy_says_so(settings):
    _, text = make.make_token(networks=["10.0.0.0/8"])
    lie = api.Caller(text).get("people/", X_Forwarded_For="10.0.0.1")
    api.assert_problem(lie, 401, "token_wrong_network")
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    assert api.Caller(text).get("people/", X_Forwarded_For="10.0.0.1").status_code == 200
    api.assert_problem(api.Caller(text).get("people/", X_Forwarded_For="10.0.0.1, 203.0.113.9"), 401)


def test_refusals_are_recorded_once_a_minute_so_that_a_loop_does_not_fill_the_trail():
    token, text = make.make_token()
    operations.revoke_token(token, actor=make.SETUP, now=clock.now())
    for _ in range(5):
        api.Caller(text).get("people/")
    assert refused_actions() == ["token.refused"]


@pytest.mark.parametrize("scope", sorted(set(SCOPES) - {"people:read", "people:write", "admin"}))
def test_no_other_scope_opens_people(scope):
    caller = api.caller(scope)
    api.assert_problem(caller.get("people/"), 403, "missing_scope")
    api.assert_problem(caller.post("people/", {"username": "x", "name": "X"}), 403, "missing_scope")


def test_reading_does_not_include_writing_nor_writing_reading():
    api.assert_problem(api.caller("people:read").post("teams/", {"slug": "a", "name": "A"}), 403, "missing_scope")
    api.assert_problem(api.caller("people:write").get("teams/"), 403, "missing_scope")
    assert refused_actions() == ["access.refused"] * 2


@pytest.mark.parametrize("query", ["?token={}", "?access_token={}", "?q={}", "?limit=1&api_key={}"])
def test_a_token_in_the_address_is_refused_and_flagged_as_leaked(query):
    token, text = make.make_token()
    caller = api.caller()
    answer = caller.client.get(f"/api/v1/people/{query.format(text)}")
    api.assert_problem(answer, 401, "token_in_address")
    assert text not in answer.content.decode()
    entry = Entry.objects.get(action="token.leaked")
    assert entry.subject_id == str(token.pk)


def test_the_last_use_is_written_once_a_minute():
    token, text = make.make_token()
    caller = api.Caller(text)
    caller.get("people/")
    first = ApiToken.objects.get(pk=token.pk).last_used_at
    assert first is not None
    caller.get("people/")
    assert ApiToken.objects.get(pk=token.pk).last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    caller.get("people/")
    assert ApiToken.objects.get(pk=token.pk).last_used_at >= first


def test_rotation_leaves_an_overlap_and_then_the_old_one_dies():
    now = clock.now()
    token, old = make.make_token("people:read", source="n8n", networks=["127.0.0.0/8"])
    successor, new = operations.rotate_token(token, days=30, overlap=timedelta(hours=1), actor=make.SETUP, now=now)
    assert (successor.source, successor.scopes, successor.networks) == ("n8n", ["people:read"], ["127.0.0.0/8"])
    assert api.Caller(old).get("people/").status_code == 200
    assert api.Caller(new).get("people/").status_code == 200
    token.refresh_from_db()
    assert token.is_usable(now + timedelta(minutes=59))
    assert not token.is_usable(now + timedelta(hours=1))
    assert successor.is_usable(now + timedelta(hours=2))


def test_rotation_never_lengthens_a_life_and_never_raises_the_dead():
    now = clock.now()
    token, _ = make.make_token(days=1)
    operations.rotate_token(token, days=30, overlap=timedelta(days=20), actor=make.SETUP, now=now)
    token.refresh_from_db()
    assert token.expires_at <= now + timedelta(days=1, seconds=1)
    operations.revoke_token(token, actor=make.SETUP, now=now)
    with pytest.raises(Conflict):
        operations.rotate_token(token, days=30, overlap=timedelta(0), actor=make.SETUP, now=now + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"days": 0}, "bad_days"),
        ({"days": -1}, "bad_days"),
        ({"days": 366}, "bad_days"),
        ({"scopes": ()}, "blank"),
        ({"scopes": ("people:read", "everything")}, "unknown_scope"),
        ({"scopes": ("handoffs:configure",)}, "unknown_scope"),
        ({"name": "  "}, "blank"),
        ({"networks": ["10.0.0.0/99"]}, "bad_network"),
        ({"networks": ["everywhere"]}, "bad_network"),
    ],
)
def test_a_token_that_could_not_be_meant_is_not_made(values, code):
    defaults = {"name": "n8n", "scopes": ("people:read",), "days": 30}
    with pytest.raises(InvalidInput) as refused:
        operations.create_token(**{**defaults, **values}, actor=make.SETUP, now=make.NOW)
    assert refused.value.code == code
    assert not ApiToken.objects.exists()


def test_a_token_does_no_more_than_the_person_who_answers_for_it():
    ada = make.make_person("ada", roles=[Role.ANALYST])
    with pytest.raises(InvalidInput) as refused:
        make.make_token("people:write", person=ada)
    assert refused.value.code == "scope_beyond_person"
    _, text = make.make_token("handoffs:write", "people:read", person=ada)
    operations.set_roles(ada, [], actor=make.SETUP, now=make.NOW)
    api.assert_problem(api.Caller(text).get("people/"), 403, "missing_scope")


def test_deactivating_a_person_ends_the_tokens_they_answer_for():
    ada = make.make_person("ada")
    _, text = make.make_token("people:read", person=ada)
    assert api.Caller(text).get("people/").status_code == 200
    operations.deactivate_person(ada, actor=make.SETUP, now=clock.now())
    api.assert_problem(api.Caller(text).get("people/"), 401, "token_person_gone")
    assert refused_actions() == ["token.refused"]


def test_configuring_handoffs_is_part_of_writing_them():
    token, _ = make.make_token("handoffs:write")
    assert token.allows("handoffs:configure")
    assert not make.make_token("handoffs:read")[0].allows("handoffs:configure")


def test_the_command_prints_the_token_once(capsys):
    make.make_team("revops")
    call_command(
        "create_token",
        "n8n",
        "--scopes",
        "handoffs:write, people:read",
        "--days",
        "30",
        "--team",
        "revops",
        "--source",
        "n8n",
    )
    printed = capsys.readouterr()
    text = printed.out.strip()
    token = ApiToken.objects.get()
    assert keys.parse(text).key_id == token.key_id
    assert text not in printed.err
    assert (token.team.slug, token.source, set(token.scopes)) == ("revops", "n8n", {"handoffs:write", "people:read"})
    assert api.Caller(text).get("teams/").status_code == 200
    entry = Entry.objects.get(action="token.created")
    assert (entry.source, entry.actor_kind) == ("command", "system")


@pytest.mark.parametrize(
    "arguments",
    [
        ["n8n", "--scopes", "nonsense", "--days", "30"],
        ["n8n", "--scopes", "people:read", "--days", "1000"],
        ["n8n", "--scopes", "people:read"],
        ["n8n", "--scopes", "people:read", "--days", "30", "--team", "nowhere"],
        ["n8n", "--scopes", "people:read", "--days", "30", "--person", "nobody"],
    ],
)
def test_the_command_refuses_what_could_not_be_meant(arguments):
    with pytest.raises(CommandError):
        call_command("create_token", *arguments)
    assert not ApiToken.objects.exists()
