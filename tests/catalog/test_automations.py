"""Entering, changing, activating automations: what is refused, what the trail keeps."""

from datetime import timedelta

import pytest

from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.catalog import operations
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team

pytestmark = pytest.mark.django_db


def refused_fields(**values: object) -> set[str]:
    with pytest.raises(InvalidInputs) as refusal:
        make_automation(**{"slug": "lead-router", **values})
    return {error.field for error in refusal.value.errors}


def test_it_starts_as_a_draft():
    automation = make_automation("lead-router", name="Lead router")
    assert (automation.state, automation.tier, automation.platform) == ("draft", "P2", "other")
    assert automation.created_at == NOW


@pytest.mark.parametrize("slug", ["", "Lead", "lead router", "-lead", "lead/router", "lead\n", "ä", "x" * 61])
def test_a_slug_is_lower_case_letters_digits_and_hyphens(slug: str):
    with pytest.raises(InvalidInputs):
        operations.create_automation(slug=slug, name="Lead router", actor=SETUP, now=NOW)


def test_everything_wrong_is_told_at_once_each_at_its_field():
    assert refused_fields(
        name=" ", tier="P9", platform="fax", links=[{"label": "x", "url": "javascript:alert(1)"}]
    ) == {
        "name",
        "tier",
        "platform",
        "links",
    }


def test_the_backup_is_somebody_else_and_still_here():
    owner, leaver = make_person(), make_person()
    leaver.is_active = False
    leaver.save()
    assert refused_fields(owner=owner, backup_owner=owner) == {"backup_owner"}
    assert refused_fields(owner=leaver) == {"owner"}


def test_a_slug_is_taken_once():
    make_automation("lead-router")
    with pytest.raises(Conflict) as refusal:
        make_automation("lead-router")
    assert (refusal.value.code, refusal.value.field) == ("slug_taken", "slug")


def test_a_change_is_told_with_before_and_after_and_nothing_else():
    automation = make_automation("lead-router", name="Lead router", team=make_team("revops"))
    kim = make_person("kim")
    later = NOW + timedelta(hours=1)
    operations.change_automation(
        automation, values={"owner": kim, "name": "Lead router"}, reason="Handover.", actor=SETUP, now=later
    )
    entry = audit.entries_of("automation", "lead-router").last()
    detail = sentences.detail_of(entry)
    assert (entry.action, entry.team, entry.at) == ("automation.changed", "revops", later)
    assert (detail["before"], detail["after"]) == ({"owner": None}, {"owner": "kim"})
    assert sentences.sentence(entry) == "setup changed Lead router. Handover."


def test_a_change_of_nothing_leaves_no_entry():
    automation = make_automation(name="Lead router")
    operations.change_automation(automation, values={"name": "Lead router"}, actor=SETUP, now=NOW)
    assert audit.entries_of("automation", automation.slug).count() == 1


def test_what_is_no_field_is_refused():
    with pytest.raises(InvalidInput, match="state"):
        operations.change_automation(make_automation(), values={"state": "active"}, actor=SETUP, now=NOW)


def test_it_goes_into_service_with_an_owner_only():
    automation = make_automation()
    with pytest.raises(InvalidInput) as refusal:
        operations.activate_automation(automation, actor=SETUP, now=NOW)
    assert refusal.value.field == "owner"


def test_what_is_in_service_cannot_be_activated_again_and_what_is_retired_stays_so():
    automation = make_automation(owner=make_person(), active=True)
    with pytest.raises(Conflict, match="cannot become active"):
        operations.activate_automation(automation, actor=SETUP, now=NOW)
    operations.retire_automation(automation, actor=SETUP, now=NOW)
    with pytest.raises(Conflict, match="is retired"):
        operations.activate_automation(automation, actor=SETUP, now=NOW)
