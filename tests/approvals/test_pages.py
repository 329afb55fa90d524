"""/approvals/ and /approvals/<id>/ as four people meet them."""

from datetime import timedelta

import pytest
from django.urls import reverse

from opsportal import clock
from opsportal.approvals.models import Approval
from opsportal.approvals.states import State
from opsportal.audit.models import Entry
from tests.factories.approvals import approve, ask
from tests.factories.identity import PASSWORD, bearer, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_owner(owner):
    return ask(owner, now=clock.now())


@pytest.fixture
def dangerous(owner):
    return ask(owner, now=clock.now(), risk="dangerous")


def page(approval) -> str:
    return reverse("approvals:approval", args=[approval.pk])


def decide(client, approval, decision, **fields):
    return client.post(page(approval), {"decision": decision, "reason": "", **fields})


def state_of(approval) -> str:
    return Approval.objects.get(pk=approval.pk).state


def grow_old(client, minutes=30):
    """The session's sign-in moves into the past."""
    session = client.session
    session["began_at"] = (clock.now() - timedelta(minutes=minutes)).isoformat()
    session["seen_at"] = clock.now().isoformat()
    session.save()


def test_the_inbox_shows_what_waits_for_whom(client, owner, teammate, outsider, leader, request_of_owner):
    seen = {}
    for person in (owner, teammate, outsider, leader):
        client.force_login(person)
        response = client.get("/approvals/")
        assert response.status_code == 200
        seen[person] = (
            response.context["to_decide"],
            response.context["requested"],
            request_of_owner.title in response.text,
        )
    assert seen == {
        owner: ([], [request_of_owner], True),
        teammate: ([], [], True),
        outsider: ([], [], False),
        leader: ([request_of_owner], [], True),
    }


def test_the_page_shows_exactly_what_would_be_done(client, leader, request_of_owner):
    client.force_login(leader)
    text = client.get(page(request_of_owner)).text
    for piece in (
        "Approve: Replay 14 payloads",
        "https://crm.example.org/hook",
        "The outage of this morning",
        "Refuse",
    ):
        assert piece in text
    assert request_of_owner.content_hash in text


def test_the_leader_approves(client, leader, request_of_owner):
    client.force_login(leader)
    response = decide(client, request_of_owner, "approve", reason="Fine")
    assert (response.status_code, response.url) == (302, page(request_of_owner))
    assert state_of(request_of_owner) == State.APPROVED
    assert Entry.objects.get(action="approval.approved").source in ("web", "command")


def test_the_requester_cannot(client, leader):
    own = ask(leader, now=clock.now())
    client.force_login(leader)
    assert "Approve:" not in client.get(page(own)).text
    assert decide(client, own, "approve").status_code == 403
    assert state_of(own) == State.PENDING


def test_the_teammate_sees_it_and_cannot_decide(client, teammate, request_of_owner):
    client.force_login(teammate)
    assert "others decide it" in client.get(page(request_of_owner)).text
    assert decide(client, request_of_owner, "approve").status_code == 403
    assert decide(client, request_of_owner, "withdraw").status_code == 403


def test_the_outsider_finds_nothing(client, outsider, request_of_owner):
    client.force_login(outsider)
    assert client.get(page(request_of_owner)).status_code == 404
    assert decide(client, request_of_owner, "approve").status_code == 404


def test_nobody_without_a_session_gets_in(client, request_of_owner):
    _, text = make_token("admin")
    for headers in ({}, bearer(text)):
        assert client.get(page(request_of_owner), headers=headers).status_code == 302
        answer = client.post(page(request_of_owner), {"decision": "approve"}, headers=headers)
        assert answer.status_code == 302
        assert answer.url.startswith("/login/")
    assert state_of(request_of_owner) == State.PENDING


def test_refusing_asks_for_a_reason(client, leader, request_of_owner):
    client.force_login(leader)
    response = decide(client, request_of_owner, "refuse")
    assert response.status_code == 422
    assert "Say why" in response.text
    assert decide(client, request_of_owner, "refuse", reason="Too late").status_code == 302
    assert state_of(request_of_owner) == State.REFUSED


def test_the_requester_takes_it_back(client, owner, request_of_owner):
    client.force_login(owner)
    assert "Take the request back" in client.get(page(request_of_owner)).text
    decide(client, request_of_owner, "withdraw")
    assert state_of(request_of_owner) == State.VOIDED


@pytest.mark.parametrize("data", [{}, {"decision": "nonsense"}, {"decision": "approve", "reason": "x" * 501}])
def test_a_wrong_form_is_told(client, leader, request_of_owner, data):
    client.force_login(leader)
    assert client.post(page(request_of_owner), data).status_code == (200 if not data else 422)
    assert state_of(request_of_owner) == State.PENDING


def test_a_decided_request_says_so(client, leader, second_leader, request_of_owner):
    approve(request_of_owner, second_leader, now=clock.now())
    client.force_login(leader)
    assert "Lars approved it" in client.get(page(request_of_owner)).text
    response = decide(client, request_of_owner, "refuse", reason="No")
    assert response.status_code == 422
    assert "decided already" in response.text


def test_an_expired_request_says_so(client, owner, leader):
    old = ask(owner, now=clock.now() - timedelta(days=4))
    client.force_login(leader)
    text = client.get(page(old)).text
    assert "The time for it has passed" in text
    assert "Approve:" not in text
    assert decide(client, old, "approve").status_code == 422


@pytest.mark.parametrize(
    "address", ["/approvals/1/", "/approvals/00000000-0000-4000-8000-000000000000/", "/approvals/nonsense/"]
)
def test_what_is_not_there_is_a_404(client, leader, address):
    client.force_login(leader)
    assert client.get(address).status_code == 404


def test_other_methods_are_refused(client, leader, request_of_owner):
    client.force_login(leader)
    assert client.delete(page(request_of_owner)).status_code == 405
    assert client.put(page(request_of_owner)).status_code == 405


# --- A dangerous decision asks for the password again ---


def test_right_after_signing_in_it_does_not(client, leader, dangerous):
    client.force_login(leader)
    assert "Your password" not in client.get(page(dangerous)).text
    assert decide(client, dangerous, "approve").status_code == 302


def test_later_it_does(client, leader, dangerous):
    client.force_login(leader)
    client.get("/approvals/")
    grow_old(client)
    assert "Your password" in client.get(page(dangerous)).text
    response = decide(client, dangerous, "approve")
    assert response.status_code == 422
    assert "Enter your password again" in response.text
    assert state_of(dangerous) == State.PENDING


def test_the_right_password_decides_and_keeps_the_session_fresh(client, leader, owner, dangerous):
    leader.set_password(PASSWORD)
    leader.save()
    client.force_login(leader)
    client.get("/approvals/")
    grow_old(client)
    assert decide(client, dangerous, "approve", password=PASSWORD).status_code == 302
    assert state_of(dangerous) == State.APPROVED
    assert "Your password" not in client.get(page(ask(owner, now=clock.now(), risk="dangerous"))).text


def test_a_wrong_password_does_not_and_is_recorded(client, leader, dangerous):
    leader.set_password(PASSWORD)
    leader.save()
    client.force_login(leader)
    client.get("/approvals/")
    grow_old(client)
    response = decide(client, dangerous, "approve", password="wrong")
    assert response.status_code == 422
    assert "not your password" in response.text
    assert state_of(dangerous) == State.PENDING
    assert Entry.objects.filter(action="person.sign_in_failed").exists()


def test_guessing_passwords_is_locked_like_signing_in(client, leader, dangerous, settings):
    leader.set_password(PASSWORD)
    leader.save()
    client.force_login(leader)
    client.get("/approvals/")
    grow_old(client)
    codes = [
        decide(client, dangerous, "approve", password="wrong").status_code
        for _ in range(settings.AXES_FAILURE_LIMIT + 1)
    ]
    assert codes[-1] == 429
    assert decide(client, dangerous, "approve", password=PASSWORD).status_code == 429
    assert state_of(dangerous) == State.PENDING


def test_refusing_needs_no_password(client, leader, dangerous):
    client.force_login(leader)
    client.get("/approvals/")
    grow_old(client)
    assert decide(client, dangerous, "refuse", reason="No").status_code == 302


def test_the_list_narrows(client, leader, request_of_owner, dangerous):
    client.force_login(leader)

    def listed(query):
        return {row.record.pk for row in client.get(f"/approvals/{query}").context["table"].paginated_rows}

    both = {request_of_owner.pk, dangerous.pk}
    assert listed("") == listed("?kind=probe_launch") == listed("?state=pending") == listed("?q=replay") == both
    assert listed("?risk=dangerous") == {dangerous.pk}
    assert listed("?state=expired") == listed("?q=nothing") == set()
    assert client.get("/approvals/?state=nonsense").status_code == 400


def test_the_list_costs_the_same_for_many(client, owner, leader, django_assert_max_num_queries):
    client.force_login(leader)
    client.get("/approvals/")
    for _ in range(20):
        ask(owner, now=clock.now())
    with django_assert_max_num_queries(12):
        client.get("/approvals/")


def test_the_list_comes_as_csv(client, leader, request_of_owner):
    client.force_login(leader)
    text = b"".join(client.get("/approvals/?format=csv").streaming_content).decode("utf-8-sig")
    assert f"{request_of_owner.title},probe launch,guarded,pending,olga," in text


# --- What people typed is text everywhere ---


def test_markup_is_text(client, owner, leader):
    hostile = "<script>alert(1)</script>"
    approval = ask(
        owner, now=clock.now(), title=hostile, consequence=hostile, reason=hostile, content={hostile: [hostile]}
    )
    client.force_login(leader)
    for address in ("/approvals/", page(approval)):
        text = client.get(address).text
        assert hostile not in text
        assert "&lt;script&gt;" in text


# --- The API reads ---


def test_the_api_shows_what_a_principal_may_see(client, owner, outsider, emea, request_of_owner):
    team_token, foreign_token = (make_token("governance:read", team=team)[1] for team in (emea, outsider.team))
    found = client.get("/api/v1/approvals/", headers=bearer(team_token)).json()["results"]
    assert [each["id"] for each in found] == [str(request_of_owner.pk)]
    assert found[0]["content"]["payloads"] == 14
    assert (found[0]["state"], found[0]["requested_by"], found[0]["decided_by"]) == ("pending", "olga", None)
    assert client.get("/api/v1/approvals/", headers=bearer(foreign_token)).json()["results"] == []
    address = f"/api/v1/approvals/{request_of_owner.pk}/"
    assert client.get(address, headers=bearer(team_token)).status_code == 200
    assert client.get(address, headers=bearer(foreign_token)).status_code == 404


def test_the_api_filters_by_the_state_that_counts(client, owner, request_of_owner):
    ask(owner, now=clock.now() - timedelta(days=4))
    _, text = make_token("admin")
    counts = {
        state: len(client.get(f"/api/v1/approvals/?state={state}", headers=bearer(text)).json()["results"])
        for state in ("pending", "expired", "approved")
    }
    assert counts == {"pending": 1, "expired": 1, "approved": 0}
    assert client.get("/api/v1/approvals/?state=nonsense", headers=bearer(text)).status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_no_token_decides_anything(client, request_of_owner, method):
    _, text = make_token("admin")
    for address in ("/api/v1/approvals/", f"/api/v1/approvals/{request_of_owner.pk}/"):
        answer = getattr(client, method)(address, {}, content_type="application/json", headers=bearer(text))
        assert answer.status_code == 405
    assert state_of(request_of_owner) == State.PENDING


def test_the_admin_only_looks(admin_client, request_of_owner):
    admin = "/admin/approvals/approval/"
    for address in (admin, f"{admin}{request_of_owner.pk}/change/"):
        assert admin_client.get(address).status_code == 200
    for address in (f"{admin}{request_of_owner.pk}/change/", f"{admin}{request_of_owner.pk}/delete/", f"{admin}add/"):
        assert admin_client.post(address, {"post": "yes"}).status_code == 403
