"""Rules: five sentences before they act, versions that open records keep, shadow before the second."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handoffs import operations
from handoffs.models import Rule
from handoffs.operations import Terms, terms_of
from handoffs.queries import count_open_by_version
from handoffs.states import RuleMode
from opsportal.audit.models import Entry
from opsportal.audit.sentences import detail_of
from opsportal.calendars.models import Calendar
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from tests.factories.handoffs import (
    SENTENCES,
    START,
    after,
    again,
    make_calendar,
    make_handoff,
    make_rule,
    sweep,
    told,
)
from tests.factories.identity import SETUP, make_person, make_team

pytestmark = pytest.mark.django_db


def faults(error: Any) -> set[tuple[str, str]]:
    several = error.value.errors if isinstance(error.value, InvalidInputs) else [error.value]
    return {(one.field, one.code) for one in several}


def activate(rule: Rule, days: int, **said: Any) -> Rule:
    return operations.activate_rule(rule, actor=SETUP, now=START + timedelta(days=days), **said)


def test_a_rule_answers_five_questions_before_it_acts() -> None:
    rule = make_rule(mode=RuleMode.DRAFT, **dict.fromkeys(SENTENCES, "  "))
    for let_go in (operations.activate_rule, operations.shadow_rule):
        with pytest.raises(InvalidInputs) as error:
            let_go(rule, actor=SETUP, now=START)
        assert faults(error) == {(name, "missing_sentence") for name in SENTENCES}
    rule = operations.change_rule(rule, terms=replace(terms_of(rule), **SENTENCES), actor=SETUP, now=START)
    assert activate(rule, 0).mode == RuleMode.ACTIVE


def test_a_sentence_is_one_and_short() -> None:
    with pytest.raises(InvalidInputs) as error:
        make_rule(mode=RuleMode.DRAFT, trigger="x" * 241)
    assert faults(error) == {("trigger", "too_long")}
    assert make_rule(mode=RuleMode.DRAFT, trigger=" One\n sentence. ").terms.trigger == "One sentence."


@pytest.mark.parametrize(
    ("stages", "fault"),
    [
        ([], ("stages", "bad_stages")),
        ([{"percent": 100, "actions": []}], ("stages.0.actions", "no_action")),
        ([{"percent": 100, "actions": ["shout"]}], ("stages.0.actions", "unknown_action")),
        ([{"percent": 0, "actions": ["escalate"]}], ("stages.0.percent", "bad_percent")),
        ([{"percent": True, "actions": ["escalate"]}], ("stages.0.percent", "bad_percent")),
        ([{"percent": 100, "actions": ["mark_breached"]}], ("stages", "no_consequence")),
        ([{"percent": 75, "actions": ["alert_owner"]}], ("stages", "no_consequence")),
        ([{"percent": 100, "actions": ["alert_owner", "mark_breached"]}], ("stages.0.actions", "breach_too_early")),
        (
            [{"percent": 200, "actions": ["escalate"]}, {"percent": 200, "actions": ["escalate"]}],
            ("stages.1.percent", "not_ascending"),
        ),
        ([{"percent": 100, "action": "escalate"}], ("stages.0", "bad_stage")),
        ("alert", ("stages", "bad_stages")),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused_at_its_place(stages: Any, fault: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as error:
        make_rule(mode=RuleMode.DRAFT, stages=stages)
    assert fault in faults(error)


def test_other_faults_are_named_together() -> None:
    with pytest.raises(InvalidInputs) as error:
        make_rule(
            mode=RuleMode.DRAFT,
            sla_minutes=0,
            segments=[{"sla_minutes": 5}],
            start_on={"lifecycle": "START"},
            stop_clock="whenever",
            reopen="maybe",
            grace_minutes=-1,
        )
    assert faults(error) == {
        ("sla_minutes", "bad_minutes"),
        ("segments.0", "bad_segment"),
        ("start_on.event_name", "bad_matcher"),
        ("stop_clock", "bad_choice"),
        ("reopen", "bad_choice"),
        ("grace_minutes", "bad_grace"),
    }


def test_a_calendar_that_never_opens_is_refused() -> None:
    never = make_calendar()
    with pytest.raises(InvalidInputs) as error:
        make_rule(mode=RuleMode.DRAFT, calendar=never.slug)
    assert faults(error) == {("calendar", "never_opens")}


def test_a_slug_is_taken_once() -> None:
    make_rule("speed", mode=RuleMode.DRAFT)
    with pytest.raises(Conflict, match="already"):
        make_rule("speed", mode=RuleMode.DRAFT)


# --- one first, then the next ---


def test_a_second_rule_waits_seven_days_or_takes_a_reason() -> None:
    first, second = make_rule(mode=RuleMode.DRAFT), make_rule(mode=RuleMode.DRAFT)
    activate(first, 0)
    for said in ({}, {"acknowledge": True}, {"reason": "we are sure"}, {"acknowledge": True, "reason": "  "}):
        with pytest.raises(Conflict) as error:
            activate(second, 6, **said)
        assert error.value.code == "first_rule_still_young"
    assert operations.shadow_rule(second, actor=SETUP, now=after()).mode == RuleMode.SHADOW
    assert activate(second, 7).mode == RuleMode.ACTIVE


def test_the_reason_of_an_early_second_rule_stands_in_the_trail() -> None:
    activate(make_rule(mode=RuleMode.DRAFT), 0)
    second = activate(make_rule("second", mode=RuleMode.DRAFT), 1, acknowledge=True, reason="the board asked")
    entry = Entry.objects.filter(action="rule.activated", subject_id=second.slug).get()
    assert "the board asked" in entry.detail.body


def test_a_retired_first_rule_no_longer_counts() -> None:
    first = activate(make_rule(mode=RuleMode.DRAFT), 0)
    operations.retire_rule(first, actor=SETUP, now=after())
    assert activate(make_rule(mode=RuleMode.DRAFT), 1).mode == RuleMode.ACTIVE


def test_a_rule_is_not_activated_twice() -> None:
    with pytest.raises(Conflict, match="active"):
        activate(make_rule(), 0)


# --- edits ---


def test_an_edit_is_a_version_and_open_records_keep_theirs() -> None:
    rule = make_rule()
    before = make_handoff(rule)
    rule = operations.change_rule(rule, terms=replace(terms_of(rule), sla_minutes=60), actor=SETUP, now=after(1))
    assert (rule.terms.number, again(before).sla_minutes, again(before).due_at) == (2, 30, after(30))
    assert make_handoff(rule).sla_minutes == 60
    assert count_open_by_version(rule) == {1: 1, 2: 1}


def test_an_edit_that_changes_nothing_makes_no_version() -> None:
    rule = make_rule()
    entries = Entry.objects.count()
    rule = operations.change_rule(rule, terms=terms_of(rule), actor=SETUP, now=after(1))
    assert (rule.terms.number, Entry.objects.count()) == (1, entries)


def test_a_rule_loses_its_team_only_when_that_is_said() -> None:
    sales = make_team("sales")
    rule = make_rule(team=sales)
    rule = operations.change_rule(rule, name="Speed", actor=SETUP, now=after(1))
    assert rule.team == sales
    rule = operations.change_rule(rule, team=None, actor=SETUP, now=after(2), reason="Everybody's now")
    assert Rule.objects.get(pk=rule.pk).team is None
    entry = Entry.objects.filter(action="rule.changed").latest("id")
    assert (detail_of(entry)["before"], detail_of(entry)["after"]) == ({"team": "sales"}, {"team": ""})


def test_a_rule_at_work_keeps_its_sentences() -> None:
    rule = make_rule()
    with pytest.raises(InvalidInputs) as error:
        operations.change_rule(rule, terms=replace(terms_of(rule), target=""), actor=SETUP, now=after(1))
    assert faults(error) == {("target", "missing_sentence")}


def test_open_records_take_the_new_terms_when_asked() -> None:
    rule = make_rule()
    ordinary, own, done = make_handoff(rule), make_handoff(rule, sla_minutes=10), make_handoff(rule)
    operations.complete_handoff(done, actor=SETUP, now=after(1))
    terms = replace(terms_of(rule), sla_minutes=60, stages=[{"percent": 100, "actions": ["alert_backup"]}])
    rule = operations.change_rule(rule, terms=terms, actor=SETUP, now=after(1))
    assert operations.adopt_rule_terms(rule, actor=SETUP, now=after(2)) == 2
    assert (again(ordinary).due_at, again(own).due_at, again(done).sla_minutes) == (after(60), after(10), 30)
    sweep(after(60))
    assert (told(ordinary.owner), len(told(ordinary.backup_owner))) == ([], 1)


def test_a_shadow_becomes_real_for_open_records_only_when_asked() -> None:
    rule = make_rule(mode=RuleMode.SHADOW)
    lead = make_handoff(rule)
    rule = operations.activate_rule(rule, acknowledge=True, reason="x", actor=SETUP, now=after(1))
    assert again(lead).shadow
    operations.adopt_rule_terms(rule, actor=SETUP, now=after(1))
    sweep(after(30))
    assert len(told(lead.owner)) == 1


def test_a_retired_rule_lets_what_is_open_run_to_its_end() -> None:
    rule = make_rule()
    lead = make_handoff(rule)
    operations.retire_rule(rule, actor=SETUP, now=after(1))
    assert sweep(after(30)) == 1
    assert len(told(lead.owner)) == 1


def test_a_calendar_revision_moves_open_deadlines_only_when_asked() -> None:
    from opsportal.calendars import queries as calendars
    from opsportal.calendars.engine import parse
    from opsportal.calendars.operations import revise_calendar

    calendar = make_calendar(tue=[["09:00", "17:00"]])
    lead = make_handoff(make_rule(calendar=calendar.slug))
    later = {"tue": [["10:00", "17:00"]]}
    [moved] = calendars.preview_deadlines(calendar, parse(timezone="UTC", weekly=later), 10)
    assert (moved.label, moved.before, moved.after) == (lead.subject, after(30), after(90))
    revise_calendar(calendar, weekly=later, actor=SETUP, now=after(1))
    assert again(lead).due_at == after(30)
    revise_calendar(calendar, weekly={"tue": [["11:00", "17:00"]]}, adopt=True, actor=SETUP, now=after(2))
    assert again(lead).due_at == after(150)


def test_terms_read_back_are_the_terms_written() -> None:
    ana = make_person()
    terms = Terms(
        calendar=Calendar.objects.get(slug="24x7"),
        sla_minutes=15,
        default_owner=ana,
        fallback_schedule="sales",
        **SENTENCES,
    )
    rule = operations.create_rule(slug="a", name="A", terms=terms, actor=SETUP, now=START)
    assert replace(terms_of(rule), stages=tuple(terms_of(rule).stages), segments=()) == terms
