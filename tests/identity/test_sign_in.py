"""Signing in and out: who gets in, who is locked out, when a session ends, and what the trail hears."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as project
from django.test import Client

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.identity import operations
from opsportal.identity.models import BrowserSession, Person
from opsportal.identity.roles import Role
from tests.factories import identity as make

pytestmark = pytest.mark.django_db

HERE, THERE = "203.0.113.5", "198.51.100.7"


@pytest.fixture
def ada():
    return make.make_person("ada", roles=[Role.ADMIN], password=make.PASSWORD)


def sign_in(client: Client, username: str = "ada", password: str = make.PASSWORD, address: str = HERE, query: str = ""):
    return client.post(f"/login/{query}", {"username": username, "password": password}, REMOTE_ADDR=address)


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def actions() -> list[str]:
    return list(
        Entry.objects.filter(action__startswith="person.")
        .exclude(action="person.created")
        .order_by("id")
        .values_list("action", flat=True)
    )


def test_the_right_password_opens_the_door(client, ada):
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_signed_in(client)
    entry = Entry.objects.get(action="person.signed_in")
    assert (entry.actor_id, entry.source) == (str(ada.pk), "web")
    assert HERE in entry.detail.body


def test_the_case_of_a_user_name_does_not_matter(client, ada):
    sign_in(client, username="ADA")
    assert is_signed_in(client)


def test_an_unknown_name_a_wrong_password_and_a_closed_account_look_the_same(client, ada):
    make.make_person("gone", password=make.PASSWORD)
    operations.deactivate_person(Person.objects.get(username="gone"), actor=make.SETUP, now=make.NOW)
    answers = [sign_in(client, "nobody"), sign_in(client, "ada", "wrong"), sign_in(client, "gone")]
    assert {answer.status_code for answer in answers} == {422}
    texts = {answer.context["form"].non_field_errors()[0] for answer in answers}
    assert len(texts) == 1
    assert not is_signed_in(client)


def test_what_was_typed_for_a_name_is_kept_nowhere(client, ada):
    from axes.models import AccessAttempt

    sign_in(client, username="my secret password")
    rows = [
        str(values) for values in [*AccessAttempt.objects.values(), *Entry.objects.values("subject_id", "detail__body")]
    ]
    assert rows
    assert not any("my secret password" in row for row in rows)
    assert not any(make.PASSWORD in row for row in rows)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        r"\\evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "/\\evil.example",
    ],
)
def test_the_way_back_stays_on_this_site(ada, target):
    answer = sign_in(Client(), query=f"?next={target}")
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_the_way_back_leads_to_the_page_asked_for(client, ada):
    asked = client.get("/people/?team=x")
    assert asked["Location"] == "/login/?next=/people/%3Fteam%3Dx"
    assert sign_in(client, query="?next=/people/%3Fteam%3Dx")["Location"] == "/people/?team=x"


def test_the_session_id_changes_and_the_old_one_is_nobody(ada):
    client = Client()
    client.get("/login/")
    session = client.session
    session["x"] = 1
    session.save()
    client.cookies[project.SESSION_COOKIE_NAME] = session.session_key
    before = session.session_key
    sign_in(client)
    after = client.cookies[project.SESSION_COOKIE_NAME].value
    assert after != before
    thief = Client()
    thief.cookies[project.SESSION_COOKIE_NAME] = before
    assert not is_signed_in(thief)


def test_the_eleventh_wrong_password_locks_the_account_whatever_the_address(ada):
    for number in range(10):
        assert sign_in(Client(), password="wrong", address=f"203.0.113.{number}").status_code == 422
    assert sign_in(Client(), password="wrong", address="203.0.113.99").status_code == 429
    client = Client()
    refused = sign_in(client, address=THERE)
    assert refused.status_code == 429
    assert refused["Retry-After"]
    assert not is_signed_in(client)
    assert "person.locked" in actions()


def test_the_eleventh_wrong_password_locks_the_address_whatever_the_account(ada):
    make.make_person("bea", password=make.PASSWORD)
    for number in range(10):
        assert sign_in(Client(), username=f"guess{number}", address=HERE).status_code == 422
    assert sign_in(Client(), username="guess11", address=HERE).status_code == 429
    assert sign_in(Client(), username="bea", address=HERE).status_code == 429
    assert sign_in(Client(), username="bea", address=THERE).status_code == 302


def test_a_made_up_account_is_locked_like_a_real_one(ada):
    statuses = [sign_in(Client(), username="nobody", address=f"203.0.113.{number}").status_code for number in range(11)]
    assert statuses == [422] * 10 + [429]
    assert sign_in(Client(), username="nobody", address=THERE).status_code == 429


def test_a_forwarded_address_neither_escapes_a_lock_nor_locks_somebody_else(ada):
    liars = [Client(headers={"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(11)]
    statuses = [sign_in(client, username=f"guess{number}").status_code for number, client in enumerate(liars)]
    assert statuses == [422] * 10 + [429]


def test_the_lock_ends_after_a_quarter_of_an_hour_however_often_one_tries_meanwhile(ada):
    with time_machine.travel(make.NOW, tick=False) as traveller:
        for _ in range(11):
            sign_in(Client(), password="wrong")
        for _ in range(5):
            traveller.shift(timedelta(minutes=2))
            assert sign_in(Client()).status_code == 429
        traveller.shift(timedelta(minutes=6))
        assert sign_in(Client()).status_code == 302


def test_an_admin_unlocks_an_account_and_the_trail_says_who(ada):
    bea = make.make_person("bea", password=make.PASSWORD)
    for number in range(11):
        sign_in(Client(), username="bea", password="wrong", address=f"203.0.113.{number}")
    admin = Client()
    sign_in(admin, address=THERE)
    assert admin.post("/people/bea/unlock/").status_code == 302
    assert sign_in(Client(), username="bea", address="192.0.2.200").status_code == 302
    entry = Entry.objects.get(action="person.unlocked")
    assert (entry.actor_id, entry.subject_id) == (str(ada.pk), str(bea.pk))


def test_signing_out_is_a_post_and_ends_the_session_on_the_server(client, ada):
    sign_in(client)
    key = client.cookies[project.SESSION_COOKIE_NAME].value
    assert client.get("/logout/").status_code == 405
    assert is_signed_in(client)
    client.post("/logout/")
    thief = Client()
    thief.cookies[project.SESSION_COOKIE_NAME] = key
    assert not is_signed_in(thief)
    assert actions() == ["person.signed_in", "person.signed_out"]


@pytest.mark.parametrize(("pause", "stays"), [(timedelta(minutes=59), True), (timedelta(minutes=61), False)])
def test_a_session_ends_after_an_hour_without_a_request(client, ada, pause, stays):
    with time_machine.travel(make.NOW, tick=False) as traveller:
        sign_in(client)
        traveller.shift(pause)
        assert is_signed_in(client) is stays


def test_a_session_ends_after_twelve_hours_however_busy(client, ada):
    with time_machine.travel(make.NOW, tick=False) as traveller:
        sign_in(client)
        for _ in range(23):
            traveller.shift(timedelta(minutes=30))
            assert is_signed_in(client)
        traveller.shift(timedelta(minutes=31))
        assert not is_signed_in(client)


def test_a_busy_session_is_written_once_a_minute(client, ada, django_assert_num_queries):
    sign_in(client)
    is_signed_in(client)
    seen = BrowserSession.objects.get().seen_at
    is_signed_in(client)
    assert BrowserSession.objects.get().seen_at == seen


def test_a_deactivated_person_is_nobody_at_the_next_request(client, ada):
    make.make_person("bea", roles=[Role.ADMIN])
    sign_in(client)
    operations.deactivate_person(ada, actor=make.SETUP, now=clock.now())
    assert client.get("/account/")["Location"].startswith("/login/")
    assert client.get("/api/v1/people/").status_code == 401


def test_a_new_password_ends_the_other_sessions_and_renews_this_one(ada):
    here, elsewhere = Client(), Client()
    sign_in(here)
    sign_in(elsewhere, address=THERE)
    before = here.cookies[project.SESSION_COOKIE_NAME].value
    new = "entirely different words 7"
    answer = here.post("/account/password/", {"present": make.PASSWORD, "password": new, "again": new})
    assert answer.status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    assert here.cookies[project.SESSION_COOKIE_NAME].value != before
    assert sign_in(Client(), password=make.PASSWORD).status_code == 422
    assert sign_in(Client(), password=new).status_code == 302
    assert "person.password_changed" in actions()


@pytest.mark.parametrize("password", ["short", "password1234", "ada@example.org", "elevenchars"])
def test_a_weak_password_is_refused(client, ada, password):
    sign_in(client)
    answer = client.post("/account/password/", {"present": make.PASSWORD, "password": password, "again": password})
    assert answer.status_code == 422
    assert sign_in(Client(), password=make.PASSWORD).status_code == 302


def test_the_present_password_is_asked_first(client, ada):
    sign_in(client)
    new = "entirely different words 7"
    answer = client.post("/account/password/", {"present": "guess", "password": new, "again": new})
    assert answer.status_code == 422


def test_one_sees_and_ends_ones_own_sessions_only(ada):
    here, elsewhere, stranger = Client(headers={"User-Agent": "Firefox"}), Client(), Client()
    sign_in(here)
    sign_in(elsewhere, address=THERE)
    make.make_person("bea", password=make.PASSWORD)
    sign_in(stranger, username="bea")
    page = here.get("/account/")
    shown = page.context["sessions"]
    assert {session["address"] for session in shown} == {HERE, THERE}
    assert here.cookies[project.SESSION_COOKIE_NAME].value not in page.content.decode()
    other = next(session["name"] for session in shown if not session["is_current"])
    assert stranger.post(f"/account/sessions/{other}/end/").status_code == 404
    assert here.post(f"/account/sessions/{other}/end/").status_code == 302
    assert not is_signed_in(elsewhere)
    assert is_signed_in(here)


def test_the_admin_site_has_no_door_of_its_own(client, ada):
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/login/?next=/admin/"
    client.post("/admin/login/", {"username": "ada", "password": make.PASSWORD})
    assert not is_signed_in(client)


def test_people_without_the_admin_role_are_turned_away_from_the_admin_without_a_circle(client):
    make.make_person("zoe", roles=[Role.OPS_LEAD], password=make.PASSWORD)
    sign_in(client, username="zoe")
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_nul_in_the_name_is_only_a_wrong_name(client, ada):
    assert sign_in(client, username="a\x00b").status_code == 422
