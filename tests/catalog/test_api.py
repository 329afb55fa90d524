"""/api/v1/automations/: shapes, refusals, the gate."""

from typing import Any

import pytest
from django.test import Client

from opsportal import clock
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db

URL = "/api/v1/automations/"


class Api:
    def __init__(self) -> None:
        self.client = Client()
        self.headers = bearer(make_token("admin")[1])

    def get(self, path: str = "", **query: Any) -> Any:
        return self.client.get(f"{URL}{path}", query, headers=self.headers)

    def post(self, body: Any, path: str = "") -> Any:
        return self.client.post(f"{URL}{path}", body, content_type="application/json", headers=self.headers)

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(f"{URL}{path}", body, content_type="application/json", headers=self.headers)


@pytest.fixture
def api() -> Api:
    return Api()


def test_a_whole_automation_goes_in_and_comes_out(api: Api):
    make_team("revops")
    make_person("kim")
    make_person("lee")
    body = {
        "slug": "lead-router",
        "name": "Lead router",
        "team": "revops",
        "tier": "P0",
        "platform": "n8n",
        "owner": "kim",
        "backup_owner": "lee",
        "criticality_notes": "New leads wait.",
        "links": [{"label": "Workflow", "url": "https://n8n.example.org/w/1"}],
    }
    response = api.post(body)
    assert response.status_code == 201
    answer = response.json()
    assert {name: answer[name] for name in body} == body
    assert answer["state"] == "draft"
    assert answer["created_at"].endswith("Z")
    assert api.get("lead-router/").json() == answer


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"slug": "Lead Router"}, "slug", "invalid"),
        ({"name": ""}, "name", "blank"),
        ({"tier": "P7"}, "tier", "invalid_choice"),
        ({"owner": "nobody"}, "owner", "unknown_person"),
        ({"team": "nowhere"}, "team", "unknown_team"),
        ({"state": "active"}, "state", "unknown_field"),
        ({"color": "red"}, "color", "unknown_field"),
        ({"links": [{"label": "x", "url": "javascript:alert(1)"}]}, "links.0.url", "invalid"),
        ({"links": [{"label": "x", "url": "ftp://example.org/"}]}, "links", "invalid"),
    ],
)
def test_what_is_wrong_is_422_at_its_field(api: Api, wrong: dict[str, Any], field: str, code: str):
    response = api.post({"slug": "lead-router", "name": "Lead router", **wrong})
    assert response.status_code == 422, response.json()
    assert response.json()["errors"] == [
        {"field": field, "code": code, "message": response.json()["errors"][0]["message"]}
    ]


def test_a_taken_slug_is_409(api: Api):
    make_automation("lead-router")
    assert api.post({"slug": "lead-router", "name": "Again"}).status_code == 409


def test_the_list_filters_searches_and_orders(api: Api):
    make_automation("a", name="Deal sync", tier="P1")
    make_automation("b", name="Lead router", tier="P0")
    make_automation("c", name="Lead nurture", tier="P1")

    def slugs(**query: str) -> list[str]:
        return [row["slug"] for row in api.get(**query).json()["results"]]

    assert slugs() == ["a", "b", "c"]
    assert slugs(tier="P1") == ["a", "c"]
    assert slugs(q="lead", ordering="-slug") == ["c", "b"]
    assert api.get(color="red").status_code == 400
    assert api.get(tier="P7").status_code == 400


def test_a_patch_changes_what_it_names(api: Api):
    make_automation("lead-router", tier="P1")
    response = api.patch("lead-router/", {"tier": "P0", "reason": "It feeds sales."})
    assert (response.status_code, response.json()["tier"]) == (200, "P0")
    assert api.patch("lead-router/", {"slug": "other"}).status_code == 422


def test_a_patch_held_back_by_a_freeze_is_409_and_passes_as_a_fix(api: Api):
    make_automation("lead-router", tier="P1")
    make_freeze(now=clock.now())
    response = api.patch("lead-router/", {"tier": "P0"})
    assert (response.status_code, response.json()["code"]) == (409, "frozen")
    assert api.patch("lead-router/", {"tier": "P0", "change": "fix"}).status_code == 200


def test_activation(api: Api):
    make_automation("lead-router", owner=make_person())
    assert api.post({"reason": "Ready."}, "lead-router/activate/").json()["state"] == "active"
    again = api.post({}, "lead-router/activate/")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_transition")


# --- the gate ---


def test_the_gate_lets_a_feature_pass_by_default(api: Api):
    make_automation("lead-router")
    answer = {"allowed": True, "reason": "No freeze is in force here.", "freeze": None}
    assert api.get("lead-router/gate/").json() == answer
    assert api.get("lead-router/gate/", change="feature").json() == answer


def test_the_gate_names_the_freeze(api: Api):
    automation = make_automation("lead-router", team=make_team("revops"))
    freeze = make_freeze(scope="team", team=automation.team, now=clock.now())
    answer = api.get("lead-router/gate/", change="feature").json()
    assert answer["allowed"] is False
    assert answer["freeze"]["id"] == freeze.pk
    assert {name: answer["freeze"][name] for name in ("scope", "team", "automation", "kind", "reason")} == {
        "scope": "team",
        "team": "revops",
        "automation": None,
        "kind": "budget",
        "reason": freeze.reason,
    }
    assert answer["freeze"]["from"].endswith("Z")
    assert answer["freeze"]["until"].endswith("Z")
    assert api.get("lead-router/gate/", change="security").json()["allowed"] is True


def test_the_gate_refuses_what_it_does_not_know(api: Api):
    make_automation("lead-router")
    assert api.get("lead-router/gate/", change="hotfix").status_code == 400
    assert api.get("lead-router/gate/", kind="feature").status_code == 400
    assert api.get("nothing/gate/").status_code == 404
    assert api.get("%00/gate/").status_code == 404


def test_the_list_costs_the_same_for_one_and_for_thirty(api: Api, django_assert_max_num_queries):
    kim, lee = make_person("kim"), make_person("lee")
    raci = {"accountable": kim, "responsible": [lee], "informed": [kim]}
    for _ in range(30):
        make_automation(owner=kim, raci=raci)
    with django_assert_max_num_queries(6):
        rows = api.get(limit=100).json()["results"]
    assert len(rows) == 30
    assert rows[0]["raci"] == {"accountable": "kim", "responsible": ["lee"], "consulted": [], "informed": ["kim"]}


def test_all_that_is_known_goes_in_and_comes_out(api: Api):
    make_person("kim")
    body = {
        "slug": "lead-router",
        "name": "Lead router",
        "trigger": "event",
        "pattern": "state_machine",
        "maturity": "advanced",
        "journeys": ["lead-to-deal"],
        "limits": {"runs_per_hour": 500, "retry_ratio": "0.2"},
        "what_it_does": "Assigns leads.",
        "what_it_touches": "HubSpot.",
        "how_to_pause": "Toggle Active.",
        "retry_notes": "Three times.",
        "fallback": "By hand.",
        "links": [{"label": "Panels", "url": "https://g.example.org/", "kind": "grafana"}],
        "cost_per_month": "120.00",
        "cost_budget": "100.00",
        "currency": "EUR",
        "cost_owner": "kim",
        "raci": {"accountable": "kim", "responsible": [], "consulted": [], "informed": []},
    }
    answer = api.post(body).json()
    assert {name: answer[name] for name in body} == body
    assert (answer["tier_agreed"], answer["paused"], answer["degraded"]) == (None, None, None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"limits": {"runs_per_week": 1}}, "limits.runs_per_week"),
        ({"limits": {"retry_ratio": "0"}}, "limits"),
        ({"raci": {"accountable": "nobody"}}, "raci"),
        ({"raci": {"responsible": ["kim"]}}, "raci"),
        ({"links": [{"label": "x", "url": "https://x.example/", "kind": "page"}]}, "links.0.kind"),
        ({"currency": "euro"}, "currency"),
        ({"cost_per_month": "-1"}, "cost_per_month"),
        ({"slug": "costs"}, "slug"),
    ],
)
def test_what_is_wrong_about_it_is_422_at_its_field(api: Api, wrong: dict[str, Any], field: str):
    make_person("kim")
    response = api.post({"slug": "lead-router", "name": "Lead router", **wrong})
    assert response.status_code == 422, response.json()
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_the_tier_of_what_is_in_service_is_409(api: Api):
    make_automation("lead-router", owner=make_person(), active=True)
    response = api.patch("lead-router/", {"tier": "P0"})
    assert (response.status_code, response.json()["code"]) == (409, "agreement_needed")
