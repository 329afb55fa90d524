"""Facts on a page and over the API, and how an automation is watched, without code."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal.catalog import registry
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.alarms.queries import with_alert
from slos.facts import News, end_facts, raise_facts
from slos.models import Watch
from slos.states import FactKind
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, make_person, make_team
from tests.factories.objectives import make_slo

pytestmark = pytest.mark.django_db
PEOPLE = ("owner", "teammate", "outsider", "leader", "opslead")


@pytest.fixture
def people() -> dict[str, Person]:
    revops = make_team("revops")
    return {
        "owner": make_person("owner", team=revops),
        "teammate": make_person("teammate", team=revops),
        "outsider": make_person("outsider", team=make_team("support")),
        "leader": make_person("leader", roles=[Role.VIEWER]),
        "opslead": make_person("opslead", roles=[Role.OPS_LEAD]),
    }


@pytest.fixture
def automation(people: dict[str, Person]) -> Automation:
    owner = people["owner"]
    automation = make_automation("lead-router", owner=owner, team=owner.team, active=True)
    news = [
        News("one", FactKind.BURN, "Router burns.", NOW, automation, slo=make_slo("router", automation=automation)),
        News("two", FactKind.VOLUME, "Router ran 3 times.", NOW - timedelta(days=1), automation),
    ]
    raise_facts(news, now=NOW)
    end_facts(["two"], at=NOW)
    return automation


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


@pytest.mark.parametrize(("who", "count"), list(zip(PEOPLE, (2, 2, 0, 2, 2), strict=True)))
def test_who_sees_facts(people: dict[str, Person], automation: Automation, who: str, count: int):
    client = signed_in(people[who])
    assert len(client.get("/api/v1/facts/").json()["results"]) == count
    page = client.get("/facts/").content.decode()
    assert ("Router burns." in page) is (count > 0)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({"going_on": "true"}, ["burn"]),
        ({"going_on": "false"}, ["volume"]),
        ({"kind": "volume"}, ["volume"]),
        ({"slo": "router"}, ["burn"]),
        ({"automation": "other"}, []),
        ({"from": NOW.isoformat()}, ["burn"]),
        ({}, ["burn", "volume"]),
    ],
)
def test_facts_are_filtered(people: dict[str, Person], automation: Automation, query: dict[str, str], kinds: list[str]):
    rows = signed_in(people["owner"]).get("/api/v1/facts/", query).json()["results"]
    assert [row["kind"] for row in rows] == kinds


def test_the_automation_shows_what_is_wrong_now(people: dict[str, Person], automation: Automation):
    page = signed_in(people["owner"]).get("/automations/lead-router/").content.decode()
    assert "Router burns." in page
    assert "Router ran 3 times." not in page


@pytest.mark.parametrize(("who", "status"), list(zip(PEOPLE, (302, 403, 404, 403, 302), strict=True)))
def test_who_sets_how_it_is_watched(people: dict[str, Person], automation: Automation, who: str, status: int):
    form: dict[str, Any] = {
        "watches_volume": "on",
        "volume_rule": "both",
        "volume_factor": "4",
        "drift_factor": "2",
        "false_alarms_per_year": "1",
        "reason": "Too loud",
    }
    assert signed_in(people[who]).post("/facts/watch/lead-router/", form).status_code == status
    changed = Watch.objects.filter(volume_rule="both", volume_factor=4, watches_drift=False, false_alarms_per_year=1)
    assert changed.exists() is (status == 302)


def test_a_watch_that_cannot_be_is_refused_at_its_field(people: dict[str, Person], automation: Automation):
    form = {"volume_rule": "test", "volume_factor": "1", "drift_factor": "2", "false_alarms_per_year": "1"}
    answer = signed_in(people["owner"]).post("/facts/watch/lead-router/", form)
    assert answer.status_code == 422
    assert "above 1" in answer.content.decode()
    assert not Watch.objects.filter(volume_factor=1).exists()


def test_readiness_asks_for_an_alert_that_can_fire(automation: Automation):
    assert "alert" in [one.key for one in registry.questions()]
    deaf = make_automation("deaf")
    make_slo(automation=deaf, burn_alerts=[])
    assert with_alert([automation, deaf]) == {automation.pk}
