"""A legal hold is set and ended with a reason, by page and API, and stops what removes payloads by itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal.audit.models import Detail, Entry
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import Payload
from runbooks.queue import operations, upkeep
from tests.factories.api import assert_problem, caller
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import make_target, store

pytestmark = pytest.mark.django_db
SECRET = "zoe.held@example.org"


@pytest.fixture
def item() -> Any:
    (made,) = store(make_target(), "lead-77", payload={"mail": SECRET})
    return operations.discard_item(made, reason="over", actor=SETUP, now=NOW)


def signed_in(*roles: Role) -> Client:
    client = Client()
    client.force_login(make_person(roles=list(roles)))
    return client


def test_the_sweep_removes_what_is_over_and_passes_a_hold(item: Any, settings: Any) -> None:
    late = NOW + timedelta(days=settings.REPLAY_KEEP_DAYS, seconds=1)
    lead = signed_in(Role.OPS_LEAD)
    assert lead.post(f"/replay/items/{item.pk}/legal-hold/set/", {"reason": "case 9"}).status_code == 302
    upkeep.remove_payloads(late)
    assert Payload.objects.filter(item=item).exists()
    assert lead.post(f"/replay/items/{item.pk}/legal-hold/end/", {"reason": "case 9 is closed"}).status_code == 302
    assert upkeep.remove_payloads(late).fired == 1
    assert not Payload.objects.filter(item=item).exists()
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"replay.legal_hold", "replay.legal_hold_ended", "replay.payloads_removed"} <= actions


def test_the_api_sets_and_ends_it_for_people_alone(item: Any) -> None:
    path = f"/api/v1/replay/items/{item.pk}"
    assert_problem(caller("admin").post(f"{path}/hold/", {"reason": "case 9"}), 403, "needs_a_person")
    admin = signed_in(Role.ADMIN)
    held = admin.post(f"{path}/hold/", {"reason": "case 9"}, content_type="application/json")
    assert (held.status_code, held.json()["legal_hold"]) == (200, "case 9")
    assert admin.post(f"{path}/end_hold/", {"reason": " "}, content_type="application/json").status_code == 422
    ended = admin.post(f"{path}/end_hold/", {"reason": "closed"}, content_type="application/json")
    assert ended.json()["legal_hold"] == ""


def test_only_end_ends_it(item: Any) -> None:
    operations.hold_for_law(item, reason="case 9", actor=SETUP, now=NOW)
    path = f"/replay/items/{item.pk}/legal-hold/release/"
    assert signed_in(Role.OPS_LEAD).post(path, {"reason": "a typing error"}).status_code == 404
    item.refresh_from_db()
    assert item.legal_hold == "case 9"


@pytest.mark.parametrize(("role", "status"), [(Role.ANALYST, 403), (Role.VIEWER, 403), (Role.OPS_LEAD, 302)])
def test_who_may_hold(item: Any, role: Role, status: int) -> None:
    answer = signed_in(role).post(f"/replay/items/{item.pk}/legal-hold/set/", {"reason": "case 9"})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ANALYST, 403), (Role.VIEWER, 403), (Role.ADMIN, 403), (Role.OPS_LEAD, 200)]
)
def test_reading_in_clear_leaves_an_entry_without_a_clear_value(item: Any, role: Role, status: int) -> None:
    reader = signed_in(role)
    assert SECRET not in reader.get(f"/replay/items/{item.pk}/").content.decode()
    answer = reader.post(f"/replay/items/{item.pk}/unmask/", {"reason": "ticket 4"})
    assert answer.status_code == status
    assert (SECRET in answer.content.decode()) == (status == 200)
    entries = Entry.objects.filter(action="replay.payload_read")
    assert entries.count() == (1 if status == 200 else 0)
    assert not Detail.objects.filter(body__contains=SECRET).exists()


def test_it_is_not_read_without_a_reason(item: Any) -> None:
    answer = signed_in(Role.OPS_LEAD).post(f"/replay/items/{item.pk}/unmask/", {"reason": " "})
    assert (answer.status_code, SECRET in answer.content.decode()) == (422, False)


def test_the_owner_of_the_automation_may_read_it() -> None:
    owner: Person = make_person(roles=[Role.ANALYST])
    make_automation("lead-router", owner=owner)
    (made,) = store(make_target(), "lead-78", automation="lead-router", payload={"mail": SECRET})
    client = Client()
    client.force_login(owner)
    assert SECRET in client.post(f"/replay/items/{made.pk}/unmask/", {"reason": "mine"}).content.decode()
