"""Heartbeats follow their automation: silence from the first day on is an outage, a pause or the end is none."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation, Workflow
from opsportal.catalog.readiness import readiness_of
from opsportal.identity.roles import Role
from slos.facts import News, raise_facts
from slos.heartbeats import operations, shapes
from slos.heartbeats.sweep import sweep_heartbeats
from slos.models import Fact, Flip, Heartbeat
from slos.states import FactKind
from tests.factories.catalog import make_automation
from tests.factories.heartbeats import make_heartbeat, ping
from tests.factories.identity import NOW, SETUP, make_person, make_team

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DUE, DOWN = NOW + HOUR, NOW + HOUR + 10 * MINUTE


def make_active(slug: str = "deal-sync", **values: Any) -> Automation:
    return make_automation(slug, owner=make_person(), active=True, **values)


def reread(heartbeat: Heartbeat) -> Heartbeat:
    return Heartbeat.objects.with_runs().get(pk=heartbeat.pk)


def pause(automation: Automation, at: datetime) -> Automation:
    return catalog.pause_automation(automation, actor=SETUP, now=at, reason="The CRM moves house.")


# --- silence from the first day on ---


def test_an_automation_in_service_that_never_ran_is_an_outage_after_one_period_and_its_grace() -> None:
    heartbeat = make_heartbeat(automation=make_active())

    sweep_heartbeats(NOW)
    sweep_heartbeats(DOWN - SECOND)
    assert not Fact.objects.exists()
    sweep_heartbeats(DOWN)

    fact = Fact.objects.get()
    assert (fact.kind, fact.occurred_at, fact.ended_at) == ("silence", DUE, None)
    assert fact.sentence == f"{heartbeat} has never given a sign of life: its first was due at 2026-11-03 10:00:00 UTC."
    assert reread(heartbeat).status == "down"


def test_the_first_ping_ends_it_and_says_how_many_were_missed() -> None:
    heartbeat = make_heartbeat(automation=make_active())
    sweep_heartbeats(NOW)
    sweep_heartbeats(DOWN)

    ping(heartbeat, NOW + 3 * HOUR + MINUTE)
    sweep_heartbeats(NOW + 3 * HOUR + 2 * MINUTE)

    fact = Fact.objects.get()
    assert fact.ended_at == NOW + 3 * HOUR + MINUTE
    assert fact.data["missed"] == 3
    assert reread(heartbeat).status == "up"


def test_a_draft_may_be_silent_until_it_goes_into_service() -> None:
    draft = make_automation("deal-sync", owner=make_person())
    heartbeat = make_heartbeat(automation=draft)
    sweep_heartbeats(NOW)
    sweep_heartbeats(NOW + 24 * HOUR)
    assert not Fact.objects.exists()

    catalog.activate_automation(draft, actor=SETUP, now=NOW + 24 * HOUR)
    sweep_heartbeats(NOW + 24 * HOUR)

    assert reread(heartbeat).due_at == NOW + 25 * HOUR


def test_a_heartbeat_of_no_automation_waits_for_its_first_ping_for_ever() -> None:
    make_heartbeat()
    sweep_heartbeats(NOW)
    sweep_heartbeats(NOW + 24 * HOUR)
    assert not Fact.objects.exists()


def test_clients_of_the_original_still_read_new_where_nothing_ever_came() -> None:
    heartbeat = make_heartbeat(automation=make_active())
    sweep_heartbeats(NOW)
    sweep_heartbeats(DOWN)
    assert shapes.check(reread(heartbeat), DOWN)["status"] == "new"


def test_new_terms_give_the_first_ping_a_new_time() -> None:
    heartbeat = make_heartbeat(automation=make_active())
    sweep_heartbeats(NOW)

    operations.change_heartbeat(heartbeat, values={"timeout_seconds": 7200}, actor=SETUP, now=NOW + MINUTE)
    sweep_heartbeats(NOW + MINUTE)

    assert reread(heartbeat).due_at == NOW + MINUTE + 2 * HOUR


def test_a_schedule_that_has_come_to_its_end_expects_nothing() -> None:
    heartbeat = make_heartbeat(automation=make_active(), schedule="2020-01-01 00:00", kind="oncalendar")
    sweep_heartbeats(NOW)
    assert reread(heartbeat).due_at is None


def test_readiness_asks_for_a_heartbeat_that_was_pinged() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    assert "heartbeat" in {item.key for item in readiness_of(automation, NOW).missing}

    ping(heartbeat, NOW)

    assert "heartbeat" not in {item.key for item in readiness_of(automation, NOW).missing}


# --- paused ---


def test_a_paused_automation_is_not_silent() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    ping(heartbeat, NOW)

    pause(automation, NOW + 30 * MINUTE)
    sweep_heartbeats(NOW + 30 * MINUTE)
    sweep_heartbeats(NOW + 24 * HOUR)

    after = reread(heartbeat)
    assert (after.status, after.due_at, after.down_at) == ("paused", None, None)
    assert not Fact.objects.exists()


def test_an_outage_ends_with_the_pause() -> None:
    automation = make_active()
    ping(make_heartbeat(automation=automation), NOW)
    sweep_heartbeats(DOWN)

    pause(automation, DOWN + HOUR)
    sweep_heartbeats(DOWN + HOUR)

    assert Fact.objects.get().ended_at == DOWN + HOUR


def test_an_outage_ends_at_the_instant_of_the_pause_however_late_it_is_seen() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    ping(heartbeat, NOW)
    sweep_heartbeats(DOWN)

    pause(automation, DOWN + HOUR)
    sweep_heartbeats(DOWN + 9 * HOUR)

    fact, flip = Fact.objects.get(), Flip.objects.latest("id")
    assert (fact.ended_at, fact.data["missed"]) == (DOWN + HOUR, 2)
    assert (flip.to_status, flip.since, flip.at) == ("paused", DOWN + HOUR, DOWN + 9 * HOUR)


def test_an_outage_ends_at_the_instant_of_retirement_however_late_it_is_seen() -> None:
    automation = make_active()
    ping(make_heartbeat(automation=automation), NOW)
    sweep_heartbeats(DOWN)

    catalog.retire_automation(automation, actor=SETUP, now=DOWN + HOUR)
    sweep_heartbeats(DOWN + 9 * HOUR)

    assert Fact.objects.get().ended_at == DOWN + HOUR


def test_back_in_service_it_has_one_period_for_a_first_sign_of_life() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    ping(heartbeat, NOW)
    paused = pause(automation, NOW + MINUTE)
    sweep_heartbeats(NOW + MINUTE)

    catalog.resume_automation(paused, actor=SETUP, now=NOW + 5 * HOUR)
    sweep_heartbeats(NOW + 5 * HOUR)
    assert (reread(heartbeat).status, reread(heartbeat).due_at) == ("new", NOW + 6 * HOUR)
    sweep_heartbeats(NOW + 6 * HOUR + 10 * MINUTE)

    assert Fact.objects.get().occurred_at == NOW + 6 * HOUR


def test_what_somebody_paused_by_hand_stays_so_when_the_automation_comes_back() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    operations.pause_heartbeat(heartbeat, actor=SETUP, now=NOW)
    paused = pause(automation, NOW + MINUTE)
    sweep_heartbeats(NOW + MINUTE)
    catalog.resume_automation(paused, actor=SETUP, now=NOW + HOUR)
    sweep_heartbeats(NOW + HOUR)
    assert reread(heartbeat).status == "paused"


def test_one_that_is_pinged_while_its_automation_is_paused_is_up_and_does_not_go_to_and_fro() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    ping(heartbeat, NOW)
    pause(automation, NOW + MINUTE)
    sweep_heartbeats(NOW + MINUTE)

    ping(heartbeat, NOW + 2 * MINUTE)
    sweep_heartbeats(NOW + 3 * MINUTE)
    ping(heartbeat, NOW + 4 * MINUTE)
    sweep_heartbeats(NOW + 5 * MINUTE)

    assert reread(heartbeat).status == "up"
    assert Flip.objects.filter(heartbeat=heartbeat).count() == 3
    sweep_heartbeats(NOW + 24 * HOUR)
    assert reread(heartbeat).status == "paused"
    assert not Fact.objects.exists()


# --- retired ---


def test_a_retired_automation_wakes_nobody() -> None:
    automation = make_active()
    heartbeat = make_heartbeat(automation=automation)
    ping(heartbeat, NOW)
    catalog.retire_automation(automation, actor=SETUP, now=NOW + MINUTE)

    sweep_heartbeats(DOWN)
    ping(heartbeat, DOWN, "fail")
    sweep_heartbeats(DOWN + MINUTE)
    sweep_heartbeats(DOWN + 2 * MINUTE)

    assert reread(heartbeat).status == "paused"
    assert not Fact.objects.exists()


@pytest.mark.parametrize(
    ("state", "kinds"),
    [
        ("active", {"heartbeat_down", "empty_output", "volume", "runaway_loop", "burn"}),
        ("paused", {"runaway_loop", "burn"}),
        ("retired", set()),
    ],
)
def test_what_is_news_of_an_automation(state: str, kinds: set[str]) -> None:
    automation = make_active()
    automation.state = state
    automation.save()
    told = ("heartbeat_down", "empty_output", "volume", "runaway_loop", "burn")
    news = [News(kind, FactKind(kind), f"{kind}.", NOW, automation) for kind in told]

    assert raise_facts(news, now=NOW) == len(kinds)

    assert set(Fact.objects.values_list("kind", flat=True)) == kinds


# --- a heartbeat made of an imported schedule ---


def test_an_imported_schedule_is_offered_as_a_heartbeat_with_the_form_filled_in(client: Client) -> None:
    automation = make_active()
    rhythm = {"kind": "cron", "schedule": "*/5 * * * *", "timezone": "Europe/Berlin", "period_seconds": 300}
    Workflow.objects.create(
        automation=automation,
        external_id="w1",
        name="Deal Sync",
        rhythm={**rhythm, "sentence": "by the schedule */5 * * * *"},
        imported_at=NOW,
    )
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    address = "/heartbeats/new/?automation=deal-sync"
    assert address in client.get("/automations/deal-sync/").content.decode()

    form = client.get(address).context["form"]
    given = {field.name: field.value() for field in form if field.value() not in (None, False)}
    client.post(address, given)

    made = Heartbeat.objects.get()
    assert (made.automation, made.kind, made.schedule) == (automation, "cron", "*/5 * * * *")
    assert (made.timezone, made.grace_seconds) == ("Europe/Berlin", 300)


def test_no_form_begins_with_an_automation_of_somebody_else(client: Client) -> None:
    make_automation("secret", team=make_team("west"))
    analyst = make_person(team=make_team("east"), roles=[Role.ANALYST])
    client.force_login(analyst, backend="opsportal.identity.backends.PersonBackend")
    answer = client.get("/heartbeats/new/?automation=secret")
    assert answer.status_code == 403 or b"Secret" not in answer.content
