"""/api/v1/webhooks/: made, listed, changed, rotated; secrets shown once, teams kept apart."""

import json
from typing import Any

import pytest
from django.db import connection

from opsportal.audit.models import Detail, Entry
from opsportal.identity.roles import Role
from opsportal.notify.models import Delivery, Subscription
from tests.factories.identity import bearer, make_person, make_team, make_token
from tests.factories.notify import make_subscription, publish

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/webhooks/"


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]


def body(**more: Any) -> dict[str, Any]:
    return {"name": "CRM", "url": "http://127.0.0.1:9/crm", "events": ["handoff.*"], **more}


def post(client: Any, content: Any, *, token: str = "", address: str = ADDRESS) -> Any:
    headers = bearer(token or make_token("catalog:write")[1])
    return client.post(address, content, content_type="application/json", headers=headers)


def test_a_new_subscription_answers_its_secret_once(client: Any) -> None:
    token = make_token("catalog:write")[1]
    answer = post(client, body(), token=token)
    assert answer.status_code == 201
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    assert (made["name"], made["url"], made["events"], made["enabled"]) == (
        "CRM",
        "http://127.0.0.1:9/crm",
        ["handoff.*"],
        True,
    )
    for address in (ADDRESS, f"{ADDRESS}{made['id']}/"):
        shown = client.get(address, headers=bearer(token))
        assert shown.status_code == 200
        assert "secret" not in shown.content.decode()
        assert made["secret"] not in shown.content.decode()


def test_a_given_secret_is_kept_and_used(client: Any) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert post(client, body(secret=secret)).json()["secret"] == secret


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"url": "https://user@example.com/"}, "url"),
        ({"url": "not an address"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["Handoff.*"]}, "events.0"),
        ({"events": ["handoff*"]}, "events.0"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"secret": "no base64!"}, "secret"),
        ({"name": "  "}, "name"),
        ({"team": "nowhere"}, "team"),
        ({"colour": "red"}, "colour"),
        ({"enabled": False}, "enabled"),
        ({"kind": "pigeon"}, "kind"),
    ],
)
def test_what_cannot_be_accepted_is_told_at_its_field(client: Any, change: dict[str, Any], field: str) -> None:
    answer = post(client, body(**change))
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields & {field, field.split(".")[0]}
    assert not Subscription.objects.exists()


def test_the_four_people_and_their_rights(client: Any) -> None:
    sales, other = make_team("sales"), make_team("other")
    ours, _ = make_subscription("http://127.0.0.1:9/a", team=sales, name="ours")
    theirs, _ = make_subscription("http://127.0.0.1:9/b", team=other, name="theirs")
    leader = make_person(roles=[Role.OPS_LEAD])
    teammate, outsider = make_person(team=sales), make_person(team=other)
    viewer = make_person(roles=[Role.VIEWER])
    for person, status in ((leader, 200), (teammate, 403), (outsider, 403), (viewer, 403)):
        client.force_login(person)
        assert client.get(ADDRESS).status_code == status
        assert client.get(f"{ADDRESS}{ours.pk}/").status_code == status
    client.logout()
    of_sales = make_token("catalog:write", team=sales)[1]
    listed = client.get(ADDRESS, headers=bearer(of_sales)).json()["results"]
    assert [row["name"] for row in listed] == ["ours"]
    hidden = f"{ADDRESS}{theirs.pk}/"
    assert client.get(hidden, headers=bearer(of_sales)).status_code == 404
    assert post(client, {}, token=of_sales, address=f"{hidden}rotate/").status_code == 404
    assert post(client, {"reason": "x"}, token=of_sales, address=f"{hidden}disable/").status_code == 404
    assert client.get(f"{hidden}deliveries/", headers=bearer(of_sales)).status_code == 404
    reader = make_token("catalog:read")[1]
    assert client.get(ADDRESS, headers=bearer(reader)).status_code == 403
    assert client.get(ADDRESS).status_code == 401


def test_a_token_of_one_team_cannot_listen_to_the_others(client: Any) -> None:
    sales = make_team("sales")
    make_team("other")
    token = make_token("catalog:write", team=sales)[1]
    assert post(client, body(team="other"), token=token).status_code == 422
    assert post(client, body(), token=token).json()["team"] == "sales"
    publish("handoff.breached", team="other")
    assert not Delivery.objects.exists()


def test_changing_switching_off_and_on_and_rotating(client: Any) -> None:
    token = make_token("catalog:write")[1]
    made = post(client, body(), token=token).json()
    address = f"{ADDRESS}{made['id']}/"
    changed = client.patch(
        address, {"events": ["handoff.breached"]}, content_type="application/json", headers=bearer(token)
    )
    assert changed.json()["events"] == ["handoff.breached"]
    rotated = post(client, {}, token=token, address=f"{address}rotate/").json()
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    off = post(client, {"reason": "CRM moves"}, token=token, address=f"{address}disable/").json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "CRM moves")
    assert post(client, {}, token=token, address=f"{address}enable/").json()["enabled"] is True
    actions = list(Entry.objects.filter(subject_type="webhook").order_by("id").values_list("action", flat=True))
    assert actions == [
        "webhook.created",
        "webhook.changed",
        "webhook.secret_rotated",
        "webhook.disabled",
        "webhook.enabled",
    ]


def test_deliveries_of_a_subscription_are_listed_with_their_answers(client: Any) -> None:
    token = make_token("catalog:write")[1]
    made = post(client, body(), token=token).json()
    key = publish("handoff.breached")
    rows = client.get(f"{ADDRESS}{made['id']}/deliveries/", headers=bearer(token)).json()["results"]
    assert [(row["event"], row["key"], row["state"]) for row in rows] == [("handoff.breached", key, "pending")]


def test_no_table_holds_a_secret_in_the_clear(client: Any) -> None:
    secret = post(client, body()).json()["secret"]
    slack = "http://127.0.0.1:9/services/T000/B000/hiddenpath"
    shown = post(client, body(kind="slack_webhook", url=slack)).json()
    assert (shown["secret"], shown["url"]) == ("", "http://127.0.0.1:9/…")
    dump = json.dumps([list(Detail.objects.values_list("body", flat=True))])
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            dump += str([[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()])
    assert secret not in dump
    assert secret.removeprefix("whsec_") not in dump
    assert "hiddenpath" not in dump
