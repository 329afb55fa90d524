"""A file from the upload to the undo, at a desk and on a phone, with JavaScript and without."""

import pytest

from handoffs.models import Handoff
from handoffs.operations import respond_to_handoff
from opsportal import clock
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from tests.browser import PHONE
from tests.factories.handoffs import make_rule
from tests.factories.identity import make_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = (
    "Record ID;Full Name;Lead Owner;Create Date;First Response Date;Lead Source;Deal Amount;Country\n"
    "00Q1;Northern Wholesale and Logistics Cooperative;Ana Silva;21.10.2026 15:05;21.10.2026 15:20;Web;€ 1.234,50;PT\n"
    "00Q2;Acme GmbH;Ana Silva;21.10.2026 16:05;;Web;;DE\n"
    "00Q3;<b>Bold & Sons</b>;Somebody Else;21.10.2026 16:05;20.10.2026 10:00;Chat;lots;DE\n"
    "00Q2;Acme GmbH;Ana Silva;21.10.2026 16:05;;Web;;DE\n"
)


def choose_file(page, tmp_path):
    path = tmp_path / "leads from the CRM.csv"
    path.write_text(TEXT, encoding="utf-8")
    page.get_by_label("CSV file").set_input_files(path)


def shoot(visitor, name):
    for scheme in ("light", "dark"):
        visitor.screenshot(name, scheme=scheme)
    visitor.screenshot(name, size=PHONE)


def test_a_file_is_brought_in_and_taken_out_again(visitor, tmp_path):
    ana, lead = make_person("ana", name="Ana Silva"), make_person("lena", roles=[Role.OPS_LEAD])
    make_rule("speed-to-lead")
    page = visitor.page
    visitor.sign_in(lead)
    visitor.open("/handoffs/")
    page.get_by_role("link", name="Import", exact=True).click()
    choose_file(page, tmp_path)
    shoot(visitor, "import upload")
    visitor.check()
    page.get_by_role("button", name="Look at it").click()
    assert page.get_by_text("Nobody here is called “Somebody Else”.").is_visible()
    shoot(visitor, "import preview")
    visitor.check()
    page.get_by_label("Country").select_option("kept as an attribute")
    page.get_by_role("button", name="Read it this way").click()
    page.get_by_role("button", name="Import 2 handoffs; 1 row stays out").click()
    assert page.get_by_text("2 handoffs imported.").is_visible()
    shoot(visitor, "import result")
    visitor.check()
    touched = Handoff.objects.get(subject="Acme GmbH")
    assert touched.attributes == {"Country": "DE"}
    respond_to_handoff(touched, actor=actor_for(ana), now=clock.now(), reason="Called back")
    page.get_by_role("link", name="Undo this import").click()
    assert page.get_by_text("Ana Silva answered: Called back.").is_visible()
    shoot(visitor, "import undo")
    visitor.check()
    page.get_by_role("button", name="Take out 1 handoff").click()
    assert page.get_by_text("1 handoff taken out again; 1 was kept.").is_visible()
    shoot(visitor, "import undone")
    visitor.check()
    visitor.open("/handoffs/import/")
    visitor.check()


def test_it_needs_no_javascript(visitor_without_javascript, tmp_path):
    make_person("ana", name="Ana Silva")
    make_rule("speed-to-lead")
    visitor, page = visitor_without_javascript, visitor_without_javascript.page
    visitor.sign_in(make_person("olga"))
    visitor.open("/handoffs/import/")
    choose_file(page, tmp_path)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name="Import 2 handoffs; 1 row stays out").click()
    page.get_by_role("link", name="Undo this import").click()
    page.get_by_role("button", name="Take out 2 handoffs").click()
    assert page.get_by_text("2 handoffs taken out again.").is_visible()
    assert Handoff.objects.count() == 0
