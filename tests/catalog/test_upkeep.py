"""Credentials by reference, releases, switches, checklists, costs."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.test import Client

from opsportal import clock
from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.catalog import operations, upkeep
from opsportal.catalog.models import Automation, Credential, Release, Switch
from opsportal.catalog.shapes import raci_of
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import NOW, SETUP, bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db

URL = "/api/v1/automations/router/"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def router() -> Automation:
    return make_automation("router", tier="P1", owner=make_person(), active=True)


def credential(automation: Automation, name: str = "HubSpot", **values: object) -> Credential:
    return operations.add_credential(automation, name=name, actor=SETUP, now=NOW, **values)


def sentence_of(automation: Automation) -> str:
    return sentences.sentence(audit.entries_of("automation", automation.slug).last())


# --- credentials ---


@pytest.mark.parametrize(
    "reference", ["pat-na1-0123456789abcdef0123456789", "Bearer abcdef123456", "q8Zx0aK3mN7pL2vT5wY9cR4b"]
)
def test_a_secret_where_a_reference_belongs_is_refused(router: Automation, reference: str):
    with pytest.raises(InvalidInputs) as refusal:
        credential(router, reference=reference)
    assert [(error.field, error.code) for error in refusal.value.errors] == [("reference", "secret")]


@pytest.mark.parametrize("reference", ["vault:hubspot/prod", "n8n credential 14", "1Password, RevOps, HubSpot", ""])
def test_a_reference_names_a_place(router: Automation, reference: str):
    assert credential(router, reference=reference).reference == reference


@pytest.mark.parametrize(
    ("left", "warning"),
    [
        (31 * DAY, None),
        (30 * DAY, 30),
        (7 * DAY + HOUR, 30),
        (7 * DAY, 7),
        (DAY, 1),
        (HOUR, 1),
        (0 * DAY, 0),
        (-DAY, 0),
    ],
)
def test_an_expiry_is_warned_of_a_month_a_week_and_a_day_ahead(
    router: Automation, left: timedelta, warning: int | None
):
    assert upkeep.warning_of(credential(router, expires_at=NOW + left), NOW) == warning


def test_what_expires_soonest_stands_first_and_what_is_retired_nowhere(router: Automation):
    credential(router, "later", expires_at=NOW + 20 * DAY)
    credential(router, "sooner", expires_at=NOW + DAY)
    credential(router, "never")
    gone = credential(router, "gone", expires_at=NOW + DAY)
    operations.retire_credential(gone, actor=SETUP, now=NOW)
    assert [each.name for each in upkeep.expiring(NOW)] == ["sooner", "later"]


def test_a_name_is_free_again_once_its_credential_is_retired(router: Automation):
    first = credential(router)
    with pytest.raises(Conflict):
        credential(router)
    operations.retire_credential(first, actor=SETUP, now=NOW)
    credential(router)


def test_a_change_of_a_credential_is_told(router: Automation):
    found = credential(router, expires_at=NOW + DAY)
    operations.change_credential(found, values={"expires_at": NOW + 90 * DAY}, reason="Rotated.", actor=SETUP, now=NOW)
    assert sentence_of(router) == "setup changed what is noted of the credential HubSpot of Router. Rotated."


# --- releases ---


def release(automation: Automation, version: str = "v2", now=NOW, **values: object) -> Release:
    return operations.record_release(automation, version=version, actor=SETUP, now=now, **values)


def test_a_release_is_watched_as_long_as_its_tier_asks(router: Automation):
    assert release(router).watch_until == NOW + 24 * HOUR
    assert release(make_automation(tier="P0")).watch_until == NOW + 48 * HOUR
    assert release(router, "v3", watch_hours=2).watch_until == NOW + 2 * HOUR
    assert release(router, "v4", watch_hours=0).watch_until is None
    assert len(upkeep.watched(NOW + HOUR)) == 3
    assert len(upkeep.watched(NOW + 24 * HOUR)) == 1


def test_a_freeze_holds_back_what_goes_out_now_and_marks_what_went_out_already(router: Automation):
    make_freeze(now=NOW)
    later = NOW + HOUR
    with pytest.raises(Conflict) as refusal:
        release(router, now=later)
    assert refusal.value.code == "frozen"
    told = release(router, now=later, released_at=NOW + HOUR / 2)
    assert told.passed_freeze
    assert sentence_of(router) == "setup told that v2 of Router had gone out past a freeze."
    assert not release(router, "v3", now=later, change="fix").passed_freeze


def test_a_plan_becomes_the_release(router: Automation):
    lead = make_person(roles=[Role.OPS_LEAD])
    plan = operations.plan_release(router, version="v2", planned_at=NOW + DAY, risk="high", actor=SETUP, now=NOW)
    assert [each.version for each in upkeep.upcoming(NOW, lead)] == ["v2"]
    out = release(router, now=NOW + DAY)
    assert (out.pk, out.risk, out.released_at) == (plan.pk, "high", NOW + DAY)
    assert upkeep.upcoming(NOW, lead) == []


def test_a_version_is_recorded_once(router: Automation):
    release(router)
    with pytest.raises(Conflict):
        release(router)


def test_only_a_plan_can_be_called_off(router: Automation):
    plan = operations.plan_release(router, version="v2", planned_at=NOW + DAY, actor=SETUP, now=NOW)
    operations.cancel_release(plan, actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        operations.cancel_release(release(router, "v3"), actor=SETUP, now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": " "},
        {"risk": "huge"},
        {"change": "hotfix"},
        {"url": "javascript:alert(1)"},
        {"released_at": NOW + DAY},
        {"watch_hours": -1},
    ],
)
def test_a_release_that_cannot_be_is_refused(router: Automation, wrong: dict[str, object]):
    with pytest.raises((InvalidInput, InvalidInputs)):
        release(router, **{"version": "v2", **wrong})


# --- switches ---


def switch(automation: Automation, **values: object) -> Switch:
    return operations.add_switch(automation, slug="scoring", label="Scoring", actor=SETUP, now=NOW, **values)


def test_new_behaviour_passes_the_gate_and_switching_off_always_may(router: Automation):
    found = switch(router)
    make_freeze(now=NOW)
    with pytest.raises(Conflict) as refusal:
        operations.flip_switch(found, on=True, actor=SETUP, now=NOW)
    assert refusal.value.code == "frozen"
    operations.flip_switch(found, on=True, change="fix", actor=SETUP, now=NOW)
    off = operations.flip_switch(found, on=False, reason="It was wrong.", actor=SETUP, now=NOW)
    assert not off.is_on
    assert sentence_of(router) == "setup switched Scoring of Router off. It was wrong."


def test_a_switch_that_is_no_new_behaviour_asks_nobody(router: Automation):
    make_freeze(now=NOW)
    assert operations.flip_switch(switch(router, gated=False), on=True, actor=SETUP, now=NOW).is_on


def test_a_switch_stands_as_it_is_only_once(router: Automation):
    found = switch(router)
    with pytest.raises(Conflict):
        operations.flip_switch(found, on=False, actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        switch(router)


# --- checklists ---


def test_a_tick_holds_person_and_time_and_can_be_taken_back(router: Automation):
    done = operations.tick_item(router, item="hardening.log", done=True, actor=SETUP, now=NOW)
    assert done is not None
    assert (done.ticked_by, done.ticked_at) == ("setup", NOW)
    operations.tick_item(router, item="hardening.log", done=True, actor=SETUP, now=NOW + HOUR)
    assert router.ticks.get().ticked_at == NOW + HOUR
    operations.tick_item(router, item="hardening.log", done=False, actor=SETUP, now=NOW)
    assert not router.ticks.exists()


# --- people, limits, costs ---


def test_exactly_one_person_is_accountable(router: Automation):
    kim, lee = make_person(), make_person()
    with pytest.raises(InvalidInput) as refusal:
        operations.change_automation(router, values={"raci": {"responsible": [lee]}}, actor=SETUP, now=NOW)
    assert refusal.value.code == "accountable_missing"
    raci = {"accountable": kim, "responsible": [lee, lee], "informed": [kim]}
    changed = operations.change_automation(router, values={"raci": raci}, actor=SETUP, now=NOW)
    assert raci_of(changed) == {
        "accountable": kim.username, "responsible": [lee.username], "consulted": [], "informed": [kim.username],
    }  # fmt: skip


def test_whoever_works_on_it_sees_it_from_another_team(router: Automation):
    outsider = make_person(team=make_team("support"))
    operations.change_automation(router, values={"team": make_team("revops")}, actor=SETUP, now=NOW)
    assert not Automation.objects.visible_to(outsider).exists()
    raci = {"accountable": make_person(), "responsible": [outsider]}
    operations.change_automation(router, values={"raci": raci}, actor=SETUP, now=NOW)
    assert Automation.objects.visible_to(outsider).exists()


@pytest.mark.parametrize(
    "limits", [{"runs_per_week": 1}, {"runs_per_hour": 0}, {"retry_ratio": "1.5"}, {"min_items": True}, [], "x"]
)
def test_limits_that_cannot_be_are_refused(router: Automation, limits: object):
    with pytest.raises(InvalidInputs):
        operations.change_automation(router, values={"limits": limits}, actor=SETUP, now=NOW)


def test_a_ratio_is_kept_as_a_decimal_string(router: Automation):
    limits = {"retry_ratio": 0.2, "min_items": 0, "runs_per_hour": 500}
    changed = operations.change_automation(router, values={"limits": limits}, actor=SETUP, now=NOW)
    assert changed.limits == {"runs_per_hour": 500, "retry_ratio": "0.2", "min_items": 0}


def test_use_against_a_limit_comes_from_above(router: Automation, monkeypatch: pytest.MonkeyPatch):
    from opsportal.catalog import registry

    monkeypatch.setattr(registry, "_usages", [lambda automation, now: {"runs_per_hour": 450}])
    router.limits = {"runs_per_hour": 500, "runs_per_day": 900}
    hour, day = upkeep.limits_of(router, NOW)
    assert (hour.share, hour.tone, day.share) == (Decimal("0.9"), "warn", None)


def test_what_costs_more_than_its_guardrail_is_told(router: Automation):
    values = {"cost_per_month": Decimal(120), "cost_budget": Decimal(100)}
    operations.change_automation(router, values=values, actor=SETUP, now=NOW)
    lead = make_person(roles=[Role.OPS_LEAD])
    assert [each.slug for each in upkeep.over_budget(lead)] == ["router"]
    operations.change_automation(router, values={"cost_budget": Decimal(120)}, actor=SETUP, now=NOW)
    assert upkeep.over_budget(lead) == []


def test_what_a_team_announces_and_pays_too_much_for_is_shown_to_whoever_may_see_it():
    team = make_team("revops")
    people = {
        "owner": make_person("owner"),
        "teammate": make_person("teammate", team=team),
        "outsider": make_person("outsider", team=make_team("support")),
        "leader": make_person("leader", roles=[Role.VIEWER]),
        "lead": make_person("lead", roles=[Role.OPS_LEAD]),
    }
    values = {"owner": people["owner"], "cost_per_month": Decimal(120), "cost_budget": Decimal(100)}
    automation = make_automation("deal-sync", team=team, **values)
    operations.plan_release(automation, version="v2", planned_at=NOW + DAY, actor=SETUP, now=NOW)
    seen = {name for name, person in people.items() if upkeep.over_budget(person) == [automation]}
    assert seen == {"owner", "teammate", "leader", "lead"}
    assert seen == {name for name, person in people.items() if upkeep.upcoming(NOW, person)}
    assert upkeep.over_budget(None) == upkeep.upcoming(NOW, None) == []


def test_a_new_price_ends_the_former_one(router: Automation):
    first = operations.add_cost_line(tool="n8n", amount=Decimal(20), from_date=NOW.date(), actor=SETUP, now=NOW)
    later = NOW.date() + DAY
    operations.add_cost_line(tool="n8n", amount=Decimal(25), from_date=later, actor=SETUP, now=NOW)
    first.refresh_from_db()
    assert first.until_date == later


def test_the_database_itself_asks_two_people_for_a_tier(router: Automation):
    one = make_person()
    with pytest.raises(IntegrityError):
        Automation.objects.filter(pk=router.pk).update(
            tier_agreed_at=NOW, tier_agreed_revops=one, tier_agreed_sales=one
        )


# --- over the API ---


def test_switches_releases_credentials_and_checklists_over_the_api(router: Automation):
    client, headers = Client(), bearer(make_token("catalog:read", "catalog:write")[1])

    def send(method: str, path: str, body: object = None):
        call = getattr(client, method)
        if body is None:
            return call(URL + path, headers=headers)
        return call(URL + path, body, content_type="application/json", headers=headers)

    assert send("post", "switches/", {"slug": "scoring", "label": "Scoring"}).status_code == 201
    assert send("post", "switches/scoring/flip/", {"on": True}).json()["is_on"] is True
    assert send("post", "switches/scoring/flip/", {"on": True}).status_code == 409
    assert send("delete", "switches/scoring/").status_code == 204
    planned = send("post", "releases/", {"version": "v1", "planned_at": (clock.now() + DAY).isoformat()})
    assert (planned.status_code, planned.json()["released_at"]) == (201, None)
    assert send("post", f"releases/{planned.json()['id']}/cancel/", {}).json()["cancelled_at"]
    assert send("post", "releases/", {"version": "v2"}).json()["watch_until"]
    assert [each["version"] for each in send("get", "releases/").json()["results"]] == ["v2", "v1"]
    made = send("post", "credentials/", {"name": "HubSpot", "reference": "vault:hubspot"})
    assert made.status_code == 201
    row = made.json()["id"]
    assert send("patch", f"credentials/{row}/", {"is_too_broad": True}).json()["is_too_broad"] is True
    assert send("delete", f"credentials/{row}/").status_code == 204
    assert send("patch", f"credentials/{row}/", {"kind": "shared"}).status_code == 409
    ticked = send("post", "checklists/", {"item": "hardening.log", "done": True}).json()
    assert sum(item["done"] for each in ticked["results"] for item in each["items"]) == 1


HOUSE = ["owner", "teammate", "outsider", "leader", "ops_lead"]


@pytest.mark.parametrize(
    ("who", "read", "write"), list(zip(HOUSE, [200, 200, 404, 403, 200], [201, 403, 404, 403, 201], strict=True))
)
def test_who_reads_and_notes_credentials(who: str, read: int, write: int):
    client = client_of(who)
    assert client.get(f"{URL}credentials/").status_code == read
    body = {"name": "HubSpot"}
    assert client.post(f"{URL}credentials/", body, content_type="application/json").status_code == write
    assert Credential.objects.exists() is (write == 201)


def test_leadership_sees_no_credential_on_the_page():
    client = client_of("leader")
    credential(Automation.objects.get(slug="router"), "HubSpot production")
    assert "HubSpot production" not in client.get("/automations/router/upkeep/").content.decode()


@pytest.mark.parametrize(("who", "status"), list(zip(HOUSE, [200, 403, 404, 403, 200], strict=True)))
def test_who_opens_the_forms(who: str, status: int):
    client = client_of(who)
    for path in ("edit/people/", "edit/words/", "edit/character/", "edit/limits/", "edit/cost/", "releases/new/"):
        assert client.get(f"/automations/router/{path}").status_code == status, path
    for path in ("releases/plan/", "switches/new/", "credentials/new/"):
        assert client.get(f"/automations/router/{path}").status_code == status, path


def client_of(who: str) -> Client:
    revops, support = make_team("revops"), make_team("support")
    people: dict[str, Person] = {
        "owner": make_person(team=revops),
        "teammate": make_person(team=revops),
        "outsider": make_person(team=support),
        "leader": make_person(roles=[Role.VIEWER]),
        "ops_lead": make_person(roles=[Role.OPS_LEAD]),
    }
    make_automation("router", team=revops, owner=people["owner"])
    client = Client()
    client.force_login(people[who], backend="opsportal.identity.backends.PersonBackend")
    return client
