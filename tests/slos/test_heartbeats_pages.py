"""Pages of heartbeats: who sees the address, what they say, how many queries they take."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.identity.roles import Role
from slos.models import Heartbeat, PingProject
from tests.factories.catalog import make_automation
from tests.factories.heartbeats import make_heartbeat, make_project, ping
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db

FORM = {"name": "Nightly sync", "kind": "cron", "schedule": "0 2 * * *", "timezone": "Europe/Berlin"}
FORM |= {"timeout_seconds": "86400", "grace_seconds": "600", "tags": "crm", "description": ""}


def signed_in(*roles: Role, **fields: Any) -> Client:
    client = Client()
    person = make_person(roles=roles or [Role.OPS_LEAD], **fields)
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_list_says_what_is_down_and_filters_by_it() -> None:
    now, client = clock.now(), signed_in()
    for name, age in (("Young", 10), ("Tardy", 3650), ("Gone", 9999)):
        ping(make_heartbeat(name=name), now - timedelta(seconds=age))

    page, filtered = text(client.get("/heartbeats/")), text(client.get("/heartbeats/?status=late"))

    assert "1 of 3 is down." in page
    assert "Tardy" in filtered
    assert "Gone" not in filtered
    assert client.get("/heartbeats/?format=csv").status_code == 200


def test_the_page_tells_the_state_and_the_next_times_in_both_zones() -> None:
    client = signed_in(timezone="America/New_York")
    heartbeat = make_heartbeat(kind="cron", schedule="0 6 * * *", timezone="Europe/Berlin")
    ping(heartbeat, clock.now())

    page = text(client.get(f"/heartbeats/{heartbeat.slug}/"))

    assert "It was pinged in time." in page
    assert page.count("06:00:00 CE") == 5
    assert page.count("00:00:00 E") == 5
    assert f"/ping/{heartbeat.code}" in page


def test_readers_do_not_see_the_address_and_cannot_act() -> None:
    client = signed_in(Role.ANALYST, team=make_team())
    heartbeat = make_heartbeat()

    page = text(client.get(f"/heartbeats/{heartbeat.slug}/"))

    assert str(heartbeat.code) not in page
    assert client.post(f"/heartbeats/{heartbeat.slug}/pause/").status_code == 403
    assert client.get("/heartbeats/new/").status_code == 403
    assert client.get("/heartbeats/keys/").status_code == 403


def test_who_may_see_what() -> None:
    revops, other = make_team(), make_team()
    make_heartbeat("job", automation=make_automation(team=revops))

    seen = {
        "teammate": signed_in(Role.ANALYST, team=revops).get("/heartbeats/job/").status_code,
        "outsider": signed_in(Role.ANALYST, team=other).get("/heartbeats/job/").status_code,
        "leader": signed_in(Role.VIEWER).get("/heartbeats/job/").status_code,
        "ops_lead": signed_in(team=other).get("/heartbeats/job/").status_code,
    }

    assert seen == {"teammate": 200, "outsider": 404, "leader": 403, "ops_lead": 200}


def test_the_form_shows_the_next_times_and_saves_nothing_until_asked() -> None:
    client = signed_in()

    preview = client.post("/heartbeats/new/", {**FORM, "preview": "1"})
    assert text(preview).count("02:00:00 CE") >= 5
    assert not Heartbeat.objects.exists()

    saved = client.post("/heartbeats/new/", FORM)
    made = Heartbeat.objects.get()
    assert (saved.status_code, saved.url) == (302, "/heartbeats/nightly-sync/")  # type: ignore[attr-defined]
    assert (made.kind, made.schedule, made.grace_seconds) == ("cron", "0 2 * * *", 600)


def test_a_schedule_that_cannot_be_read_is_refused_at_its_field() -> None:
    answer = signed_in().post("/heartbeats/new/", {**FORM, "schedule": "at night"})

    assert answer.status_code == 422
    assert "This cannot be read" in text(answer)


def test_it_is_edited_paused_rotated_and_deleted() -> None:
    client, heartbeat = signed_in(), make_heartbeat("job")

    client.post("/heartbeats/job/edit/", {**FORM, "name": "Renamed", "manual_resume": "on"})
    client.post("/heartbeats/job/pause/")
    changed = Heartbeat.objects.get()
    assert (changed.name, changed.kind, changed.status) == ("Renamed", "cron", "paused")
    assert changed.options["manual_resume"] is True
    client.post("/heartbeats/job/resume/")
    client.post("/heartbeats/job/rotate/")
    moved = Heartbeat.objects.get()
    assert (moved.status, moved.code != heartbeat.code) == ("new", True)
    assert client.post("/heartbeats/job/nonsense/").status_code == 404
    assert client.get("/heartbeats/job/pause/").status_code == 405
    client.post("/heartbeats/job/delete/")
    assert not Heartbeat.objects.exists()


def test_keys_for_programs_are_made_and_shown_to_those_who_may() -> None:
    client = signed_in()

    client.post("/heartbeats/keys/", {"name": "Cron on db1"})

    project = PingProject.objects.get()
    page = text(client.get("/heartbeats/keys/"))
    assert project.ping_key in page
    assert project.integration.key in page
    assert (len(project.ping_key), len(project.integration.key)) == (22, 32)


def test_an_automation_shows_its_heartbeat() -> None:
    make_heartbeat("job", name="Deal sync", automation=make_automation("deal-sync"))

    page = text(signed_in().get("/automations/deal-sync/"))

    assert 'href="/heartbeats/job/"' in page
    assert "every 1 h" in page


def test_pages_take_a_handful_of_queries_and_stay_small() -> None:
    client, now, project = signed_in(), clock.now(), make_project()
    for number in range(60):
        heartbeat = make_heartbeat(project=project, automation=make_automation())
        for minute in range(3 if number else 70):
            ping(heartbeat, now - timedelta(minutes=minute * 2), "success" if minute % 3 else "fail")

    for path in ("/heartbeats/", f"/heartbeats/{Heartbeat.objects.order_by('pk')[0].slug}/"):
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        assert len(queries) <= 12, [one["sql"][:120] for one in queries]
        assert len(answer.content) < 100_000
