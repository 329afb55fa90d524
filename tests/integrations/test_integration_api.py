"""/api/v1/integrations/: who may send, by which address; keys and secrets stay with those who may make them."""

from typing import Any

import pytest

from opsportal.audit.models import Entry
from opsportal.identity.roles import Role
from opsportal.integrations import operations
from opsportal.integrations.models import Integration
from tests.factories.identity import NOW, SETUP, bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/integrations/"


def post(client: Any, content: Any, *, token: str = "", address: str = ADDRESS) -> Any:
    headers = bearer(token or make_token("catalog:write")[1])
    return client.post(address, content, content_type="application/json", headers=headers)


def test_a_new_integration_answers_key_path_and_secret(client: Any) -> None:
    token = make_token("catalog:write")[1]
    answer = post(client, {"kind": "webhook", "name": "CRM"}, token=token)
    assert answer.status_code == 201
    made = answer.json()
    assert len(made["key"]) == 32
    assert made["inbound_path"] == f"/integrations/webhook/{made['key']}/"
    assert made["url"].endswith(made["inbound_path"])
    assert made["secret"].startswith("whsec_")
    assert made["source"] == "CRM"
    listed = client.get(ADDRESS, headers=bearer(token)).content.decode()
    assert made["key"] in listed
    assert "secret" not in listed


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"name": ""}, "name"),
        ({"secret": "short"}, "secret"),
        ({"team": "nowhere"}, "team"),
        ({"mapping": ["a"]}, "mapping"),
        ({"key": "mine"}, "key"),
    ],
)
def test_what_cannot_be_accepted_is_told_at_its_field(client: Any, change: dict[str, Any], field: str) -> None:
    answer = post(client, {"kind": "webhook", "name": "CRM", **change})
    assert answer.status_code == 422
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert not Integration.objects.exists()


def test_the_four_people_and_their_rights(client: Any) -> None:
    sales, other = make_team("sales"), make_team("other")
    ours, _ = operations.create_integration(kind="webhook", name="ours", team=sales, actor=SETUP, now=NOW)
    theirs, _ = operations.create_integration(kind="webhook", name="theirs", team=other, actor=SETUP, now=NOW)
    leader = make_person(roles=[Role.OPS_LEAD])
    for person, status in (
        (leader, 200),
        (make_person(team=sales), 403),
        (make_person(team=other), 403),
        (make_person(roles=[Role.VIEWER]), 403),
    ):
        client.force_login(person)
        assert client.get(ADDRESS).status_code == status
        assert client.get(f"{ADDRESS}{ours.pk}/").status_code == status
    client.logout()
    of_sales = make_token("catalog:write", team=sales)[1]
    listed = client.get(ADDRESS, headers=bearer(of_sales)).json()["results"]
    assert [row["name"] for row in listed] == ["ours"]
    assert client.get(f"{ADDRESS}{theirs.pk}/", headers=bearer(of_sales)).status_code == 404
    assert post(client, {}, token=of_sales, address=f"{ADDRESS}{theirs.pk}/rotate/").status_code == 404


def test_changing_and_rotating_leave_entries_without_secrets(client: Any) -> None:
    token = make_token("catalog:write")[1]
    made = post(client, {"kind": "webhook", "name": "CRM"}, token=token).json()
    address = f"{ADDRESS}{made['id']}/"
    changed = client.patch(
        address,
        {"mapping": {"case_id": "data.lead.id"}, "enabled": False},
        content_type="application/json",
        headers=bearer(token),
    ).json()
    assert (changed["mapping"], changed["enabled"]) == ({"case_id": "data.lead.id"}, False)
    rotated = post(client, {}, token=token, address=f"{address}rotate/").json()
    assert rotated["secret"] != made["secret"]
    entries = Entry.objects.filter(subject_type="integration").select_related("detail").order_by("id")
    assert [entry.action for entry in entries] == [
        "integration.created",
        "integration.changed",
        "integration.secret_rotated",
    ]
    told = "".join(entry.detail.body for entry in entries)
    assert not any(text in told for text in (made["secret"], rotated["secret"], made["key"]))
