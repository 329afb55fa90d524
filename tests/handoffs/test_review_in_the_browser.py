"""The weekly review and the judgement pages in a browser: clean in every scheme and width, usable without a script."""

from datetime import timedelta

import pytest

from handoffs import operations
from handoffs.engine.weeks import Week
from handoffs.states import RuleMode
from handoffs.sweep import sweep_handoffs
from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.identity.roles import Role
from tests.browser import PHONE, WIDE
from tests.factories import handoffs as make
from tests.factories import identity as people

pytestmark = pytest.mark.django_db(transaction=True)
KIM = Actor("human", "kim", "Kim")
TODAY = clock.now().replace(hour=11, minute=0, second=0, microsecond=0)


@pytest.fixture
def lead():
    """An ops lead with a week that has everything: overruns, reasons on and off the list, silence, changes, shadows."""
    now = clock.now()
    monday = Week.of(now).before.from_at + timedelta(hours=9)
    team = people.make_team("revops")
    person = people.make_person("lea", roles=[Role.OPS_LEAD], timezone="Europe/Berlin")
    ada = people.make_person("ada", name="Ada Okafor", team=team)
    office = make.make_calendar("office", timezone="Europe/Berlin", mon=[["10:30", "18:00"]], tue=[["09:00", "17:00"]])
    rule = make.make_rule("speed-to-lead", team=team, now=monday - timedelta(days=40))
    hours = make.make_rule("in-hours", team=team, calendar=office.slug, now=monday - timedelta(days=40))
    shadow = make.make_rule("trial", mode=RuleMode.SHADOW, now=monday - timedelta(days=9))
    make.make_rule("forgotten", now=monday - timedelta(days=50))
    for number, (minutes, reason) in enumerate(
        ((75, "Owner in meetings"), (45, "no <b>rota</b>"), (100, ""), (20, ""))
    ):
        start = monday + timedelta(minutes=10 * number)
        said = {"started_at": start, "now": start, "owner": ada, "channel": "web_form"}
        record = make.make_handoff(rule, subject=f"Lead {number} & Söhne with a rather long name", **said)
        for stage in (30, 60, 90):
            sweep_handoffs(start + timedelta(minutes=stage, seconds=5))
        at = start + timedelta(minutes=minutes)
        operations.respond_to_handoff(record, actor=KIM, now=at)
        if reason:
            operations.tag_reason(record, breach_reason=reason, actor=KIM, now=at)
    for week in range(1, 25):
        start = monday - timedelta(days=7 * (week % 8), minutes=week)
        old = make.make_handoff(hours, subject=f"Old {week}", started_at=start, now=start, historical=True)
        operations.respond_to_handoff(old, actor=KIM, now=start + timedelta(minutes=9))
    for one in (shadow, rule):
        make.make_handoff(one, started_at=now - timedelta(minutes=70), now=now - timedelta(minutes=70), owner=ada)
    make.make_handoff(rule, subject="Late", started_at=now - timedelta(hours=3), now=now, owner=ada, backup_owner=None)
    sweep_handoffs(now)
    return person


ADDRESSES = [
    f"/review/?week={Week.of(TODAY).before}",
    "/review/",
    "/review/?week=1999-W01",
    "/review/reasons/",
    "/review/reasons/owner-away/",
    "/review/reasons/merge/?text=no+rota",
    "/rules/speed-to-lead/what-if/?sla_minutes=45&percent_0=50",
    "/rules/speed-to-lead/what-if/?sla_minutes=0",
    "/rules/in-hours/calendar-check/",
    "/rules/speed-to-lead/calendar-check/",
    "/rules/trial/",
]


def test_the_pages_are_clean(lead, visitor):
    visitor.sign_in(lead)
    for address in ADDRESSES:
        visitor.open(address)
        for scheme in ("light", "dark"):
            for size in (WIDE, PHONE):
                visitor.screenshot(f"review {address}", scheme=scheme, size=size)
        visitor.check()


def test_reasons_are_noted_without_a_script(lead, visitor_without_javascript):
    visitor = visitor_without_javascript
    visitor.sign_in(lead)
    visitor.open(ADDRESSES[0])
    visitor.page.get_by_label("Reason of Lead 2").select_option("CRM was slow")
    visitor.page.get_by_role("button", name="Note for Lead 2").click()
    assert visitor.page.get_by_text("Noted for 1 record.").count() == 1
    visitor.page.get_by_label("Select Lead 0").check()
    visitor.page.get_by_label("Select Lead 1").check()
    visitor.page.get_by_label("Reason for the ticked rows").select_option("Nobody at lunch")
    visitor.page.get_by_role("button", name="Note for the ticked").click()
    assert visitor.page.get_by_text("Noted for 2 records.").count() == 1
    assert visitor.page.get_by_label("Reason of Lead 1").input_value() == "nobody-at-lunch"
    assert visitor.page.url.split("#")[0].endswith(ADDRESSES[0])
