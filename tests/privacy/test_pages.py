"""Erasing by page and API: a look, a second person with their password, the certificate; who may and what refuses."""

import json
from typing import Any

import pytest
from django.test import Client

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.privacy.models import Erasure
from opsportal.vault.models import SubjectKey
from runbooks.models import ReplayItem
from runbooks.queue import operations
from tests.factories.api import assert_problem, caller
from tests.factories.identity import PASSWORD, SETUP, make_person
from tests.factories.replay import make_target, store
from tests.privacy.dumps import places_with

pytestmark = pytest.mark.django_db
MAIL = "zoe.page@example.org"


@pytest.fixture
def admin() -> Person:
    return make_person("admin", roles=[Role.ADMIN])


@pytest.fixture
def lead() -> Person:
    person = make_person("lead", roles=[Role.OPS_LEAD])
    person.set_password(PASSWORD)
    person.save()
    return person


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def asked(admin: Person, **said: Any) -> Any:
    form = {"keys": MAIL, "reason": "request 17", "step": "ask", **said}
    return signed_in(admin).post("/privacy/erase/", form)


def decide(person: Person, decision: str) -> Any:
    erasure = Erasure.objects.get()
    said = {"decision": decision, "reason": "looked at it", "password": PASSWORD}
    return signed_in(person).post(f"/approvals/{erasure.approval_id}/", said)


def test_an_admin_looks_asks_and_an_ops_lead_decides(admin: Person, lead: Person) -> None:
    store(make_target(), MAIL, payload={"mail": MAIL})
    seen = signed_in(admin).post("/privacy/erase/", {"keys": MAIL, "reason": "request 17", "step": "look"})
    assert b"keys destroyed" in seen.content
    assert not Erasure.objects.exists()
    assert asked(admin).status_code == 302
    erasure = Erasure.objects.get()
    assert MAIL in signed_in(lead).get(erasure.get_absolute_url()).content.decode()
    assert places_with(MAIL) == {"runbooks_replayitem.record_key", "runbooks_lane.record_key"}, (
        "the request names nobody"
    )
    decide(lead, "approve")
    erasure.refresh_from_db()
    assert erasure.certificate is not None
    assert not places_with(MAIL)
    page = signed_in(lead).get(f"{erasure.get_absolute_url()}certificate.json")
    certificate = json.loads(page.content)
    assert Entry.objects.get(pk=certificate["audit_entry"]).action == "person.erased"
    checked = signed_in(lead).post("/privacy/check/", {"certificate": page.content.decode()})
    assert b"word for word" in checked.content
    certificate["second"] = "nobody"
    assert signed_in(lead).post("/privacy/check/", {"certificate": json.dumps(certificate)}).status_code == 422


def test_what_is_refused_forgets_whom_it_was_about(admin: Person, lead: Person) -> None:
    store(make_target(), MAIL)
    asked(admin)
    decide(lead, "refuse")
    erasure = Erasure.objects.get()
    assert (erasure.sealed_keys, erasure.erased_at) == (None, None)
    assert erasure.closed_at is not None
    assert ReplayItem.objects.get().record_key == MAIL
    assert not SubjectKey.objects.filter(subject=f"erasure:{erasure.pk}").exists()


def test_who_asked_does_not_decide(admin: Person) -> None:
    asked(admin)
    decide(admin, "approve")
    assert Erasure.objects.get().erased_at is None


def test_a_legal_hold_refuses_until_it_is_left_out(admin: Person, lead: Person) -> None:
    item, free = store(make_target(), MAIL, f"crm:{MAIL}")
    operations.hold_for_law(item, reason="case 9", actor=SETUP, now=clock.now())
    refused = asked(admin)
    assert refused.status_code == 422
    assert "case 9" in refused.content.decode()
    asked(admin, keep_held="on")
    decide(lead, "approve")
    for one in (item, free):
        one.refresh_from_db()
    assert Erasure.objects.get(keep_held=True).erased_at
    assert (item.record_key, free.record_key) == (MAIL, "")


@pytest.mark.parametrize("roles", [[Role.ANALYST], [Role.VIEWER], []])
def test_others_see_no_erasures(roles: list[Role]) -> None:
    client = signed_in(make_person("other", roles=roles))
    for path in ("/privacy/", "/privacy/erase/", "/privacy/check/"):
        assert client.get(path).status_code == 403


def test_an_ops_lead_decides_but_does_not_ask(lead: Person) -> None:
    assert signed_in(lead).get("/privacy/").status_code == 200
    assert signed_in(lead).get("/privacy/erase/").status_code == 403


def test_the_api_looks_and_asks_for_a_person_and_never_for_a_token(admin: Person) -> None:
    store(make_target(), MAIL)
    assert_problem(caller("admin").post("erasures/look/", {"keys": [MAIL]}), 403, "needs_a_person")
    client = signed_in(admin)
    seen = client.post("/api/v1/erasures/look/", {"keys": [MAIL]}, content_type="application/json")
    assert seen.json()["erases"]["replay"]["payloads"] == 1
    said = {"keys": [MAIL], "reason": "request 17"}
    made = client.post("/api/v1/erasures/", said, content_type="application/json")
    assert (made.status_code, made.json()["state"]) == (202, "waiting")
    assert MAIL not in made.content.decode()
    assert client.get(f"/api/v1/erasures/{made.json()['id']}/").json()["certificate"] is None
