"""Every page of this room in Chromium: no policy violation, no axe finding, light and dark, wide and 390 px."""

from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.identity import operations
from opsportal.identity.roles import Role
from tests.factories import identity as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ada():
    team = make.make_team("revops", name="Revenue operations")
    manager = make.make_person("mara", name="Mara Lindqvist", roles=[Role.OPS_LEAD], team=team)
    ada = make.make_person(
        "ada",
        name="Ada Okafor",
        roles=[Role.ADMIN, Role.OPS_LEAD],
        team=team,
        manager=manager,
        slack_id="U024BE7LH",
        password=make.PASSWORD,
    )
    now = clock.now()
    operations.add_absence(
        manager,
        from_at=now - timedelta(hours=2),
        until=now + timedelta(days=4),
        reason="Parental leave",
        actor=make.SETUP,
        now=now,
    )
    return ada


PAGES = [
    "/people/",
    "/people/?q=ada&role=admin",
    "/people/mara/",
    "/people/ada/",
    "/people/add/",
    "/people/mara/edit/",
    "/people/mara/password/",
    "/people/mara/deactivate/",
    "/people/mara/absences/add/",
    "/teams/",
    "/teams/add/",
    "/teams/revops/rename/",
    "/tokens/",
    "/tokens/add/",
    "/account/",
    "/account/profile/",
    "/account/password/",
    "/api/v1/docs/",
    "/api/v1/docs/people/",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_clean(visitor, ada, path):
    make.make_token("handoffs:write", "events:write", name="n8n production", source="n8n", person=ada)
    visitor.sign_in(ada)
    assert visitor.open(path).status == 200
    visitor.check()
    visitor.screenshot(path)
    visitor.screenshot(path, scheme="dark")
    visitor.screenshot(path, size=(390, 844))


def test_the_sign_in_page_is_clean_and_its_refusal_too(visitor, ada):
    visitor.open("/login/?next=/people/")
    visitor.check()
    visitor.screenshot("login")
    visitor.page.get_by_label("User name").fill("ada")
    visitor.page.get_by_label("Password").fill("wrong")
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.errors.clear()  # the 422 of the refusal itself
    visitor.check()
    visitor.screenshot("login refused", scheme="dark", size=(390, 844))


def test_a_token_is_made_without_javascript_and_shown_once(visitor_without_javascript, ada):
    visitor = visitor_without_javascript
    visitor.sign_in(ada)
    visitor.open("/tokens/add/")
    visitor.page.get_by_label("Name").fill("n8n production")
    visitor.page.get_by_label("handoffs:write").check()
    visitor.page.get_by_role("button", name="Make token").click()
    text = visitor.page.locator("code.secret").inner_text()
    assert text.startswith("ops_")
    visitor.screenshot("token made")
    visitor.page.get_by_role("link", name="I have it").click()
    assert text not in visitor.page.content()
    visitor.screenshot("token")
