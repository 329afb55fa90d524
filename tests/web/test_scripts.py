"""What the scripts add to pages that work without them."""

import pytest

from tests.browser import Visitor
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def style_guide(visitor: Visitor, settings) -> Visitor:
    settings.DEBUG = True
    visitor.sign_in(make_person(timezone="Europe/Berlin"))
    visitor.open("/styleguide/")
    return visitor


def test_utc_is_one_click_away_and_back(style_guide):
    wall = style_guide.page.locator("time[data-wall]").first
    local = wall.inner_text()
    wall.click()
    assert wall.inner_text().endswith("UTC")
    wall.click()
    assert wall.inner_text() == local


def test_selecting_rows_is_counted_and_arms_the_buttons(style_guide):
    page = style_guide.page
    button = page.locator("#bulk button").first
    assert button.is_disabled()
    page.get_by_label("Select all rows on this page").check()
    assert page.locator("[data-bulk-count]").inner_text() == "6 selected"
    assert button.is_enabled()
    page.locator('input[name="selected"]').first.uncheck()
    assert page.locator("[data-bulk-count]").inner_text() == "5 selected"


def test_a_refused_form_takes_the_focus_to_what_needs_a_look(style_guide):
    assert style_guide.page.evaluate("document.activeElement.matches('[data-focus]')")
