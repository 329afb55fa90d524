"""The calendar pages in a real browser: nothing the policy blocks, nothing axe finds, on a desk and on a phone."""

import pytest

from opsportal import clock
from opsportal.calendars import holidays, registry
from opsportal.identity.roles import Role
from tests.browser import PHONE, WIDE
from tests.factories.calendars import make_calendar, make_version
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db(transaction=True)
SPLIT = {day: [["09:00", "12:00"], ["13:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def lead(visitor):
    person = make_person("lee", roles=[Role.OPS_LEAD], team=make_team("inside-sales"), timezone="Europe/Berlin")
    visitor.sign_in(person)
    now = clock.now()
    calendar = make_calendar("berlin-office", team=person.team, weekly=SPLIT, note="As agreed with sales")
    days = holidays.list_holidays("DE", "BE", [now.year, now.year + 1])
    make_version(calendar, overrides=dict.fromkeys(days, []), override_names=days, note="Public holidays of Berlin")
    shut = {"from": f"{now:%Y-%m-%d}T12:00:00Z", "until": f"{now:%Y-%m-%d}T14:00:00Z", "reason": "Town hall"}
    make_version(calendar, weekly={**SPLIT, "sat": [["10:00", "14:00"]]}, closures=[shut], note="Saturdays again")
    return calendar


@pytest.fixture
def deadlines():
    def source(calendar, business_time, limit):
        start = clock.now()
        return [registry.MovedDeadline(f"Lead {n}", "/", start, business_time.add(start, 3600 * n)) for n in (1, 2, 3)]

    registry.register_deadlines(source)
    yield
    registry.forget(source)


def shoot(visitor, name):
    for scheme in ("light", "dark"):
        for size in (WIDE, PHONE):
            visitor.screenshot(name, scheme=scheme, size=size)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("list", "/calendars/"),
        ("calendar", "/calendars/berlin-office/"),
        ("starter", "/calendars/24x7/"),
        ("version", "/calendars/berlin-office/versions/3/"),
        ("explain", "/calendars/berlin-office/explain/?start=2026-12-23T16:00&minutes=900"),
        ("editor", "/calendars/berlin-office/edit/"),
        ("new", "/calendars/new/"),
        ("holidays", "/calendars/berlin-office/holidays/?country=FR&subdivision=&first_year=2027&year_count=1"),
        ("adopt", "/calendars/berlin-office/adopt/"),
        ("delete", "/calendars/berlin-office/delete/"),
    ],
)
def test_a_page_is_sound(visitor, lead, deadlines, name, path):
    visitor.open(path)
    shoot(visitor, f"calendars-{name}")
    visitor.check()


def test_the_preview_is_sound(visitor, lead, deadlines):
    visitor.open("/calendars/berlin-office/edit/")
    visitor.page.fill("[name=fri]", "09:00–12:00")
    visitor.page.click("text=Show what changes")
    shoot(visitor, "calendars-preview")
    visitor.check()
    visitor.page.click("text=Save as version 4")
    visitor.page.wait_for_url("**/calendars/berlin-office/")
    assert "version 4" in visitor.page.inner_text(".messages")


def test_faults_of_the_editor_are_sound(visitor, lead):
    visitor.open("/calendars/berlin-office/edit/")
    visitor.page.fill("[name=mon]", "9 to nine")
    visitor.page.fill("[name=overrides]", "2026-13-01 closed\n24.12.2026")
    visitor.page.click("text=Show what changes")
    shoot(visitor, "calendars-faults")
    visitor.check()
