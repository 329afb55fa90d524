"""/api/v1/policies/, decisions/, freezes/ for four people and for programs; a life of a policy over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from opsportal import clock
from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.catalog.models import Freeze, FreezeOverride
from opsportal.errors import Forbidden
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.web import words
from slos.models import Policy
from slos.objectives import retiring
from slos.objectives.operations import retire_slo
from slos.policy.deciding import end_freeze
from slos.policy.rules import PUBLISHED
from tests.factories import policy as make
from tests.factories.api import assert_problem, caller
from tests.factories.catalog import make_freeze
from tests.factories.identity import make_person, make_team
from tests.slos.test_policy_pages import House, signed_in

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
API = "/api/v1"


@pytest.fixture
def house() -> House:
    return House()


def send(person: Any, method: str, path: str, body: Any = None) -> Any:
    client = signed_in(person)
    return getattr(client, method)(f"{API}/{path}", body, content_type="application/json")


def test_a_policy_is_written_versioned_put_in_force_and_retired():
    api = caller("slos:read", "slos:write")
    made = api.post("policies/", {"slug": "strict", "name": "Strict", "rules": [PUBLISHED[0]]})
    assert made.status_code == 201, made.content
    assert (made.json()["state"], made.json()["version"]) == ("draft", 1)
    assert made.json()["rules"][0]["exit_days"] == 3  # defaults are written out
    assert api.post("policies/strict/activate/", {"reason": "Agreed"}).json()["state"] == "active"
    changed = api.patch("policies/strict/", {"rules": [{**PUBLISHED[0], "above": "3"}], "reason": "Fewer freezes"})
    assert changed.json()["version"] == 2
    assert changed.json()["name"] == "Strict"
    versions = api.get("policies/strict/versions/").json()["results"]
    assert [(one["number"], one["definition"]["rules"][0]["above"]) for one in versions] == [(2, "3"), (1, "2")]
    assert api.post("policies/strict/retire/", {}).json()["state"] == "retired"
    assert_problem(api.post("policies/strict/activate/", {}), 409, "invalid_transition")
    assert_problem(api.patch("policies/strict/", {"name": "x"}), 409, "retired")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"rules": [{**PUBLISHED[0], "above": 2}]}, 422, "bad_rule"),
        ({"rules": [{**PUBLISHED[0], "then": "party"}]}, 422, "bad_rule"),
        ({"rules": []}, 422, ""),
        ({"scope": "team"}, 422, ""),
        ({"scope": "team", "team": "nobody"}, 422, "unknown_team"),
        ({"automation": "nothing", "scope": "automation"}, 422, "unknown_automation"),
        ({"slug": "Nein!"}, 422, ""),
        ({"moon": 1}, 422, ""),
        ({"rules": [{"slug": {"a": []}}]}, 422, "bad_rule"),
    ],
)
def test_what_is_no_policy_is_refused(body: dict[str, Any], status: int, code: str):
    api = caller("slos:read", "slos:write")
    base = {"slug": "strict", "name": "Strict", "rules": [PUBLISHED[0]]}
    assert_problem(api.post("policies/", {**base, **body}), status, code)
    assert not Policy.objects.exists()


def test_a_slug_is_taken_once():
    api = caller("slos:read", "slos:write")
    body = {"slug": "strict", "name": "Strict", "rules": [PUBLISHED[0]]}
    assert api.post("policies/", body).status_code == 201
    assert_problem(api.post("policies/", body), 409, "slug_taken")


def test_reading_is_no_writing():
    api = caller("slos:read")
    body = {"slug": "strict", "name": "Strict", "rules": [PUBLISHED[0]]}
    assert_problem(api.post("policies/", body), 403)
    assert_problem(caller("runs:read").get("policies/"), 403)


def test_who_sees_one_team_writes_for_no_other():
    ours, theirs = make_team("ours"), make_team("theirs")
    api = caller("slos:read", "slos:write", team=ours)
    body = {"slug": "strict", "name": "Strict", "rules": [PUBLISHED[0]], "scope": "team"}
    assert_problem(api.post("policies/", {**body, "team": theirs.slug}), 403)
    assert_problem(api.post("policies/", {**body, "scope": "all"}), 403)
    assert api.post("policies/", {**body, "team": ours.slug}).status_code == 201
    make.published()
    assert_problem(api.patch("policies/error-budget-policy/", {"name": "Ours"}), 403)


@pytest.mark.parametrize("who", ["owner", "teammate", "outsider", "leader", "ops_lead"])
def test_who_sees_decisions_and_freezes(house: House, who: str):
    person, may_see = getattr(house, who), who != "outsider"
    decisions = send(person, "get", "decisions/?verdict=freeze").json()["results"]
    assert len(decisions) == (1 if may_see else 0)
    assert send(person, "get", f"decisions/{house.decision.pk}/").status_code == (200 if may_see else 404)
    assert len(send(person, "get", "freezes/?in_force=true").json()["results"]) == (1 if may_see else 0)
    assert send(person, "get", f"freezes/{house.freeze.pk}/").status_code == (200 if may_see else 404)


def test_freezes_are_found_by_their_state(house: House):
    def found(state: str) -> list[int]:
        return [one["id"] for one in send(house.leader, "get", f"freezes/?state={state}").json()["results"]]

    now, person = clock.now(), house.owner
    aside = make_freeze(now=now - DAY)
    FreezeOverride.objects.create(
        freeze=aside,
        from_at=now - DAY,
        until=now + DAY,
        reason="A fair",
        requested_by=person,
        approved_by=house.ops_lead,
        approval="a",
    )
    ended, expired = make_freeze(now=now - 3 * DAY), make_freeze(now=now - 9 * DAY, days=5)
    Freeze.objects.filter(pk=ended.pk).update(lifted_at=now - DAY)
    planned = make_freeze(now=now + DAY)
    states = {"in_force": house.freeze, "overridden": aside, "ended": ended, "expired": expired, "planned": planned}
    assert {state: found(state) for state in states} == {state: [one.pk] for state, one in states.items()}
    for state, one in states.items():
        assert send(house.leader, "get", f"freezes/{one.pk}/").json()["state"] == state
    assert send(house.leader, "get", "freezes/?state=melted").status_code == 400


def test_a_decision_shows_what_it_rests_on_and_replays(house: House):
    decision = send(house.leader, "get", f"decisions/{house.decision.pk}/").json()
    assert (decision["verdict"], decision["rule"], decision["freeze"]) == ("freeze", "burn-three-days", house.freeze.pk)
    assert [one["burn"] for one in decision["evidence"]["streak"]] == ["3", "3", "3"]
    replay = send(house.leader, "get", f"decisions/{house.decision.pk}/replay/").json()
    assert (replay["verdict"], replay["same"]) == ("freeze", True)


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 201), ("teammate", 403), ("outsider", 404), ("leader", 403), ("ops_lead", 201)]
)
def test_who_asks_for_an_override(house: House, who: str, status: int):
    body = {"until": words.iso(clock.now() + 2 * DAY), "reason": "The fair"}
    answer = send(getattr(house, who), "post", f"freezes/{house.freeze.pk}/override/", body)
    assert answer.status_code == status, answer.content
    if status == 201:
        assert answer.json()["state"] == "pending"
        again = send(getattr(house, who), "post", f"freezes/{house.freeze.pk}/override/", body)
        assert again.json()["approval"] == answer.json()["approval"]


def test_a_token_asks_for_nothing_and_commits_to_nothing(house: House):
    api = caller("admin")
    body = {"until": words.iso(clock.now() + DAY), "reason": "x"}
    assert_problem(api.post(f"freezes/{house.freeze.pk}/override/", body), 403, "needs_a_person")
    assert_problem(api.post(f"freezes/{house.freeze.pk}/acknowledge/", {"commitment": "x"}), 403, "needs_a_person")


def test_leadership_commits(house: House):
    url = f"freezes/{house.freeze.pk}/acknowledge/"
    assert send(house.owner, "post", url, {"commitment": "x"}).status_code == 403
    answer = send(house.leader, "post", url, {"commitment": "Stability first"}).json()
    assert (answer["acknowledged_by"], answer["commitment"]) == ("leader", "Stability first")
    assert send(house.leader, "post", url, {"commitment": "x"}).status_code == 409


def test_a_dry_run_over_history(house: House):
    api, since = caller("slos:read"), words.iso(clock.now() - 10 * DAY)
    answer = api.get(f"policies/error-budget-policy/dry-run/?from={since}").json()
    assert {row["verdict"] for row in answer["results"]} == {"none", "freeze", "review"} - {"review"}
    frozen = [row for row in answer["results"] if row["verdict"] == "freeze"]
    assert [row["automation"] for row in frozen] == ["lead-router"]
    assert set(frozen[0]) >= {"at", "automation", "rule", "verdict", "evidence"}
    only = api.get(f"policies/error-budget-policy/dry-run/?from={since}&verdict=freeze").json()["results"]
    assert only == frozen
    assert_problem(api.get("policies/error-budget-policy/dry-run/"), 400)
    assert_problem(api.get("policies/error-budget-policy/dry-run/?from=2020-01-01T00:00:00Z"), 400, "span_too_long")
    later = words.iso(clock.now() + DAY)
    assert_problem(api.get(f"policies/error-budget-policy/dry-run/?from={later}"), 400, "bad_span")


def test_an_outsider_sees_nothing_of_it_in_a_dry_run(house: House):
    since = words.iso(clock.now() - 10 * DAY)
    answer = send(house.outsider, "get", f"policies/error-budget-policy/dry-run/?from={since}")
    assert answer.json()["results"] == []


def test_conflicts_are_reported(house: House):
    loose = {"slug": "weeks", "when": "healthy_weeks", "below": "9", "weeks": 2, "then": "experiment"}
    never = {"slug": "never", "when": "burn_days", "above": "200", "days": 1, "then": "freeze"}
    flaps = {"slug": "flaps", "when": "burn_days", "above": "2", "days": 1, "then": "freeze", "exit_below": "3"}
    make.make_policy("loose", [loose])
    make.make_policy("odd", [never, flaps])
    make.make_policy("empty", [PUBLISHED[0]], scope="team", team=make_team("nobody"))
    found = {
        (one["kind"], tuple(one["policies"])) for one in caller("slos:read").get("policy-conflicts/").json()["results"]
    }
    assert found == {
        ("contradiction", ("Error budget policy", "Loose")),
        ("contradiction", ("Loose", "Odd")),
        ("overlap", ("Error budget policy", "Loose")),
        ("overlap", ("Error budget policy", "Odd")),
        ("unreachable", ("Odd",)),
        ("flapping", ("Odd",)),
        ("idle", ("Empty",)),
    }


def test_the_published_policy_contradicts_itself_nowhere(house: House):
    assert caller("slos:read").get("policy-conflicts/").json()["results"] == []


# --- no way round a freeze ---


def change_target(person: Any, target: str) -> Any:
    return send(person, "patch", "slos/lead-router-availability/", {"target": target})


@pytest.mark.parametrize("who", ["owner", "ops_lead"])
def test_nobody_alone_eases_the_slo_that_a_freeze_rests_on(house: House, who: str):
    person = getattr(house, who)
    assert_problem(change_target(person, "99"), 409, "agreement_needed")
    assert_problem(
        send(person, "patch", "slos/lead-router-availability/", {"window": {"kind": "rolling", "days": 90}}),
        409,
        "agreement_needed",
    )
    assert change_target(person, "99.6").status_code == 200
    assert send(person, "patch", "slos/lead-router-availability/", {"name": "Routing"}).status_code == 200


def test_a_second_person_agrees_and_then_it_is_eased(house: House):
    body = {"slug": "lead-router-availability", "target": "99", "reason": "Half the leads are tests"}
    asked = send(house.owner, "post", "slos/propose/", body)
    assert asked.status_code == 202, asked.content
    backup, now = make_person("backup", team=house.owner.team), clock.now()
    house.automation.backup_owner = backup
    house.automation.save()
    for person in (house.owner, backup):
        with pytest.raises(Forbidden):
            approvals.approve(asked.json()["approval"], person=person, now=now, authenticated_at=now)
    approvals.approve(asked.json()["approval"], person=house.ops_lead, now=now, authenticated_at=now)
    house.slo.refresh_from_db()
    assert house.slo.target == 99


@pytest.mark.parametrize("who", ["owner", "ops_lead"])
def test_nobody_alone_retires_the_slo_that_a_freeze_rests_on(house: House, who: str):
    person = getattr(house, who)
    assert_problem(send(person, "post", "slos/lead-router-availability/retire/", {}), 409, "agreement_needed")
    body = {"state": "retired"}
    assert_problem(send(person, "patch", "slos/lead-router-availability/", body), 409, "agreement_needed")
    house.slo.refresh_from_db()
    assert house.slo.state == "active"


def propose_to_retire(person: Person, **more: str) -> Any:
    body = {"slug": "lead-router-availability", "state": "retired", "reason": "The automation is replaced"}
    return send(person, "post", "slos/propose/", body | more)


def test_a_second_person_agrees_and_then_it_is_retired_while_its_freeze_runs_on(house: House):
    asked = propose_to_retire(house.owner)
    assert asked.status_code == 202, asked.content
    key, now = asked.json()["approval"], clock.now()
    assert "runs on" in retiring.look(Approval.objects.get(pk=key), now).sentence
    with pytest.raises(Forbidden):
        approvals.approve(key, person=house.owner, now=now, authenticated_at=now)
    approvals.approve(key, person=house.ops_lead, now=now, authenticated_at=now)
    house.slo.refresh_from_db()
    assert house.slo.state == "retired"
    assert Freeze.objects.in_force(now).filter(pk=house.freeze.pk).exists()


def test_a_proposal_to_retire_says_nothing_else(house: House):
    assert_problem(propose_to_retire(house.owner, target="99"), 422, "invalid")
    assert_problem(propose_to_retire(house.ops_lead, slug="none-such"), 422, "unknown_slo")


def test_a_proposal_to_retire_what_is_retired_is_void(house: House):
    key, now = propose_to_retire(house.owner).json()["approval"], clock.now()
    retire_slo(house.slo, actor=actor_for(house.ops_lead), now=now, agreed=True)
    approvals.approve(key, person=house.ops_lead, now=now, authenticated_at=now)
    assert Approval.objects.get(pk=key).state == "voided"


def test_on_the_page_the_owner_proposes_to_retire_it(house: House):
    client, url = signed_in(house.owner), "/slos/lead-router-availability/retire/"
    assert "another ops lead decides" in client.get(url).content.decode()
    client.post(url, {"reason": "Replaced"})
    assert Approval.objects.get(kind=retiring.RETIREMENT).state == "pending"
    house.slo.refresh_from_db()
    assert house.slo.state == "active"


def test_once_the_freeze_is_over_the_owner_writes_again(house: House):
    end_freeze(house.freeze.budget, reason="Calm", now=clock.now())
    assert change_target(house.owner, "99").status_code == 200
    assert send(house.owner, "post", "slos/lead-router-availability/retire/", {}).status_code == 200
