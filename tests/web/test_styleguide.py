"""Every component on one page, as a person sees it."""

import pytest

from tests.browser import PHONE, WIDE, Visitor
from tests.factories.identity import make_person


@pytest.fixture
def style_guide(visitor: Visitor, settings, db) -> Visitor:
    settings.DEBUG = True
    visitor.sign_in(make_person())
    visitor.open("/styleguide/")
    return visitor


@pytest.mark.django_db(transaction=True)
def test_every_component_is_clean_in_both_schemes_and_widths(style_guide):
    for scheme in ("light", "dark"):
        for size in (WIDE, PHONE):
            style_guide.screenshot("styleguide", scheme=scheme, size=size)
    style_guide.check()
