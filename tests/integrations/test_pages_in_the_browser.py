"""The pages of integrations in Chromium: no console message, no CSP violation, no axe finding."""

from typing import Any

import pytest

from opsportal import clock
from opsportal.identity.roles import Role
from opsportal.integrations import operations
from tests.browser import PHONE, SCHEMES, WIDE
from tests.factories.identity import SETUP, make_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _plain_names(settings: Any) -> None:
    """The test server finds static files by their plain names only."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def test_the_pages_of_integrations(visitor: Any) -> None:
    visitor.sign_in(make_person(roles=[Role.OPS_LEAD]))
    made, _ = operations.create_integration(
        kind="webhook", name="HubSpot bridge", mapping={"case_id": "data.lead.id"}, actor=SETUP, now=clock.now()
    )
    pages = {"list": "", "one": f"{made.pk}/", "new": "new/", "edit": f"{made.pk}/edit/", "off": f"{made.pk}/disable/"}
    for name, path in pages.items():
        assert visitor.open(f"/integrations/{path}").status == 200
        visitor.check()
        for scheme in SCHEMES:
            for size in (WIDE, PHONE):
                visitor.screenshot(f"integration-{name}", scheme=scheme, size=size)
