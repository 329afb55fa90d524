"""The gate: what a freeze holds back, for whom, until when; and that it holds where the write happens."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from opsportal.audit import queries as audit
from opsportal.catalog import operations, queries
from opsportal.catalog.models import Freeze
from opsportal.errors import Conflict, InvalidInput
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import NOW, SETUP, make_person, make_team

pytestmark = pytest.mark.django_db

CHANGES = ["feature", "fix", "security", "experiment"]


def allowed(automation, *, at=NOW) -> dict[str, bool]:
    return {change: queries.gate(automation, change=change, at=at).allowed for change in CHANGES}


def test_without_a_freeze_everything_but_an_experiment_may_go_ahead():
    automation = make_automation()
    assert allowed(automation) == {"feature": True, "fix": True, "security": True, "experiment": False}
    assert "permission of a budget policy" in queries.gate(automation, change="experiment", at=NOW).reason


def test_a_freeze_holds_back_features_and_experiments_and_never_fixes_or_security():
    automation = make_automation()
    make_freeze()
    assert allowed(automation) == {"feature": False, "fix": True, "security": True, "experiment": False}


def test_it_says_why_and_until_when():
    automation = make_automation()
    freeze = make_freeze(scope="automation", automation=automation)
    verdict = queries.gate(automation, change="feature", at=NOW)
    assert verdict.freeze == freeze
    assert verdict.reason == (
        f"Changes to {automation.name} are frozen until 2026-11-06 09:00:00 UTC: "
        "The error budget of this week is used up. Fixes and security changes may go ahead."
    )


@pytest.mark.parametrize(
    ("minutes", "is_frozen"), [(-1, False), (0, True), (3 * 24 * 60 - 1, True), (3 * 24 * 60, False)]
)
def test_a_freeze_is_half_open(minutes: int, is_frozen: bool):
    automation = make_automation()
    make_freeze()
    assert allowed(automation, at=NOW + timedelta(minutes=minutes))["feature"] is not is_frozen


def test_a_lifted_freeze_holds_until_it_was_lifted():
    automation = make_automation()
    make_freeze(lifted_at=NOW + timedelta(hours=1))
    assert not allowed(automation, at=NOW + timedelta(minutes=59))["feature"]
    assert allowed(automation, at=NOW + timedelta(hours=1))["feature"]


def test_a_freeze_covers_its_scope_and_nothing_else():
    ours, theirs = make_team("ours"), make_team("theirs")
    mine, sibling, foreign, nobodys = (
        make_automation("mine", team=ours),
        make_automation("sibling", team=ours),
        make_automation("foreign", team=theirs),
        make_automation("nobodys"),
    )

    def frozen() -> set[str]:
        rows = (mine, sibling, foreign, nobodys)
        return {row.slug for row in rows if not queries.gate(row, change="feature", at=NOW).allowed}

    freeze = make_freeze(scope="automation", automation=mine)
    assert frozen() == {"mine"}
    freeze.delete()
    freeze = make_freeze(scope="team", team=ours)
    assert frozen() == {"mine", "sibling"}
    freeze.delete()
    make_freeze(scope="all")
    assert frozen() == {"mine", "sibling", "foreign", "nobodys"}


def test_of_several_freezes_the_one_that_ends_last_is_named():
    automation = make_automation()
    make_freeze(days=2)
    longest = make_freeze(scope="automation", automation=automation, days=9)
    make_freeze(days=5)
    assert queries.gate(automation, change="feature", at=NOW).freeze == longest


def test_an_unknown_kind_of_change_is_refused():
    with pytest.raises(InvalidInput, match="feature, fix, security, experiment"):
        queries.gate(make_automation(), change="hotfix", at=NOW)


@pytest.mark.parametrize(
    "wrong", [{"scope": "all", "team": True}, {"scope": "team"}, {"scope": "automation"}, {"scope": "everything"}]
)
def test_the_database_refuses_a_freeze_without_its_scope(wrong: dict[str, object]):
    if wrong.get("team"):
        wrong = {**wrong, "team": make_team()}
    with pytest.raises(IntegrityError), transaction.atomic():
        make_freeze(**wrong)


# --- where the write happens ---


def test_activation_is_held_back_and_leaves_no_trace():
    automation = make_automation(owner=make_person())
    make_freeze()
    with pytest.raises(Conflict) as refusal:
        operations.activate_automation(automation, actor=SETUP, now=NOW)
    assert refusal.value.code == "frozen"
    automation.refresh_from_db()
    assert automation.state == "draft"
    assert [entry.action for entry in audit.entries_of("automation", automation.slug)] == ["automation.created"]


def test_what_was_in_service_comes_back_as_a_fix_and_the_trail_says_so():
    automation = make_automation(owner=make_person())
    operations.activate_automation(automation, actor=SETUP, now=NOW - timedelta(days=30))
    operations.pause_automation(automation, reason="Too slow", actor=SETUP, now=NOW - timedelta(days=20))
    make_freeze()
    operations.activate_automation(automation, change="fix", reason="Routing was down.", actor=SETUP, now=NOW)
    automation.refresh_from_db()
    assert automation.state == "active"
    entry = audit.entries_of("automation", automation.slug).last()
    assert entry.action == "automation.activated"
    assert '"change":"fix"' in entry.detail.body


def test_a_new_automation_is_a_feature_whatever_it_is_called():
    automation = make_automation(owner=make_person())
    make_freeze()
    with pytest.raises(Conflict, match="frozen until"):
        operations.activate_automation(automation, change="fix", reason="Routing was down.", actor=SETUP, now=NOW)
    automation.refresh_from_db()
    assert automation.state == "draft"


def test_a_new_automation_that_security_needs_goes_ahead_with_a_reason():
    automation = make_automation(owner=make_person())
    make_freeze()
    with pytest.raises(InvalidInput, match="why security"):
        operations.activate_automation(automation, change="security", actor=SETUP, now=NOW)
    operations.activate_automation(automation, change="security", reason="Revokes leaked keys", actor=SETUP, now=NOW)
    automation.refresh_from_db()
    assert automation.state == "active"


def test_a_change_of_tier_is_held_back_and_a_change_of_owner_is_not():
    automation = make_automation()
    make_freeze()
    with pytest.raises(Conflict, match="frozen until"):
        operations.change_automation(automation, values={"tier": "P0"}, actor=SETUP, now=NOW)
    operations.change_automation(automation, values={"owner": make_person()}, actor=SETUP, now=NOW)
    operations.change_automation(automation, values={"tier": "P0"}, change="security", actor=SETUP, now=NOW)
    automation.refresh_from_db()
    assert automation.tier == "P0"


def test_retiring_is_never_held_back():
    automation = make_automation(owner=make_person())
    make_freeze()
    assert operations.retire_automation(automation, actor=SETUP, now=NOW).state == "retired"


def test_nothing_writes_freezes_yet():
    assert not Freeze.objects.exists()
