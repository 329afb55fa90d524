"""The pages of integrations."""

import subprocess
from typing import Any

import pytest
from django.utils.html import strip_tags

from opsportal.identity.roles import Role
from opsportal.integrations import registry
from opsportal.integrations.models import Integration
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _signed_in(client: Any) -> None:
    client.force_login(make_person(roles=[Role.OPS_LEAD]))


def test_an_integration_is_added_changed_and_switched_off(client: Any) -> None:
    form = {"kind": "webhook", "name": "CRM", "mapping": "case_id = data.lead.id\nchannel=data.channel"}
    assert client.post("/integrations/new/", {**form, "mapping": "no pair"}).status_code == 422
    made = client.post("/integrations/new/", form)
    assert made.status_code == 201
    assert "whsec_" in made.content.decode()
    found = Integration.objects.get()
    assert found.mapping == {"case_id": "data.lead.id", "channel": "data.channel"}
    page = client.get(f"/integrations/{found.pk}/").content.decode()
    assert found.key in page
    assert "case_id = data.lead.id" in client.get(f"/integrations/{found.pk}/edit/").content.decode()
    client.post(f"/integrations/{found.pk}/edit/", {"name": "CRM 2", "mapping": ""})
    assert "whsec_" in client.post(f"/integrations/{found.pk}/rotate/", {"secret": ""}).content.decode()
    client.post(f"/integrations/{found.pk}/disable/", {"reason": "moves"})
    found.refresh_from_db()
    assert (found.name, found.mapping, found.enabled) == ("CRM 2", {}, False)
    client.post(f"/integrations/{found.pk}/enable/")
    assert client.get("/integrations/").status_code == 200


def test_nobody_else_sees_them(client: Any) -> None:
    for role in (Role.VIEWER, Role.ANALYST, Role.ADMIN):
        client.force_login(make_person(roles=[role]))
        assert client.get("/integrations/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_recipe_on_the_page_works_in_a_shell(
    client: Any, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BASE_URL = live_server.url
    monkeypatch.setattr(registry, "_receivers", {"webhook": lambda integration, payload, now: {"status": "created"}})
    made = client.post("/integrations/new/", {"kind": "webhook", "name": "CRM"})
    secret = made.content.decode().split('class="wrap">')[1].split("<")[0]
    page = client.get(f"/integrations/{Integration.objects.get().pk}/").content.decode()
    recipe = page.split("<pre")[1].split(">", 1)[1].split("</pre>")[0]
    for escaped, plain in (("&#x27;", "'"), ("&quot;", '"'), ("&amp;", "&")):
        recipe = recipe.replace(escaped, plain)
    assert strip_tags(recipe) == recipe
    done = subprocess.run(
        ["bash", "-c", recipe.replace("whsec_…", secret)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout == '{"status": "created"}', done.stderr
