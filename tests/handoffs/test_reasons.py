"""The list of reasons: what is picked, renamed, merged, and what records and programs make of it."""

import pytest

from handoffs import operations, queries
from handoffs.models import BreachReason
from opsportal.audit import queries as audit
from opsportal.audit.engine import Actor
from opsportal.audit.sentences import sentence
from opsportal.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from opsportal.identity.roles import Role
from tests.factories import handoffs as make
from tests.factories import identity as people

pytestmark = pytest.mark.django_db
KIM = Actor("human", "kim", "Kim")
WHO = {"actor": people.SETUP, "now": make.after(500)}


def late(text="", **said):
    """A record that was answered at twice its timer, with a reason if one is given."""
    handoff = make.make_handoff(**said)
    handoff = operations.respond_to_handoff(handoff, actor=KIM, now=make.after(70))
    return operations.tag_reason(handoff, breach_reason=text, **WHO) if text else handoff


def told(reason):
    return [sentence(entry) for entry in audit.entries_of("breach_reason", reason.slug)]


def test_a_portal_starts_with_reasons_to_pick_from():
    labels = [one.label for one in queries.known_reasons().offered]
    assert "Owner in meetings" in labels
    assert len(labels) == len(set(labels)) >= 6


def test_any_text_is_kept_as_it_was_sent():
    assert late("no rota").breach_reason == "no rota"
    assert late("owner IN meetings").breach_reason == "owner IN meetings"
    assert queries.known_reasons().find("owner IN meetings").slug == "owner-in-meetings"


def test_a_slug_of_the_list_means_its_reason():
    assert late("owner-in-meetings").breach_reason == "Owner in meetings"


def test_records_follow_a_new_name_and_programs_may_go_on_with_the_old_one():
    reason = operations.add_reason(label="No rota", **WHO)
    record, spelled = late("No rota"), late("no  ROTA")
    operations.change_reason(reason, label="Nobody on the rota", **WHO)
    assert make.again(record).breach_reason == make.again(spelled).breach_reason == "Nobody on the rota"
    assert "reason_followed" in make.actions_on(record)
    assert late("no rota").breach_reason == "Nobody on the rota"
    assert told(reason)[-1].startswith("setup renamed the reason No rota to Nobody on the rota")


def test_words_that_are_not_on_the_list_are_merged_into_one_that_is():
    record, other = late("team offsite"), late("Owner in meetings")
    into = queries.get_reason("owner-away")
    assert operations.merge_reason(into, text="Team offsite", **WHO) == 1
    assert make.again(record).breach_reason == into.label
    assert make.again(other).breach_reason == "Owner in meetings"
    assert late("team offsite").breach_reason == into.label
    assert "followed: 1" in told(into)[-1]


def test_a_merged_reason_leaves_the_list_and_its_former_words_go_with_it():
    first = operations.add_reason(label="Alpha", **WHO)
    first = operations.change_reason(first, label="Beta", **WHO)
    into = queries.get_reason("owner-away")
    operations.merge_reason(into, text="beta", **WHO)
    assert not BreachReason.objects.filter(pk=first.pk).exists()
    known = queries.known_reasons()
    assert {known.find(word).slug for word in ("alpha", "Beta")} == {"owner-away"}


def test_what_a_cycle_of_the_past_says_follows_too():
    rule = make.make_rule(stop_clock="completion")
    handoff = make.make_handoff(rule)
    operations.complete_handoff(handoff, actor=people.SETUP, now=make.after(70))
    operations.tag_reason(handoff, breach_reason="old words", **WHO)
    operations.reopen_handoff(handoff, mode="new_cycle", actor=people.SETUP, now=make.after(600))
    operations.merge_reason(queries.get_reason("owner-away"), text="old words", **WHO)
    assert handoff.past_cycles.get().breach_reason == "Owner away, backup not told"


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: operations.add_reason(label="owner in MEETINGS", **WHO), Conflict),
        (lambda: operations.add_reason(label="  ", **WHO), InvalidInput),
        (lambda: operations.add_reason(label="a\nb\x00", **WHO), InvalidInput),
        (lambda: operations.add_reason(label="New", slug="No Slug", **WHO), InvalidInput),
        (lambda: operations.add_reason(label="New", slug="owner-away", **WHO), Conflict),
        (lambda: operations.change_reason(queries.get_reason("owner-away"), label="CRM was slow", **WHO), Conflict),
        (lambda: operations.merge_reason(queries.get_reason("owner-away"), text="owner-away", **WHO), InvalidInput),
        (lambda: queries.get_reason("none"), NotFound),
        (lambda: queries.get_reason("a\x00"), NotFound),
    ],
)
def test_what_makes_no_list_is_refused(act, error):
    with pytest.raises(error) as caught:
        act()
    assert not isinstance(caught.value, InvalidInputs)


def test_a_retired_reason_is_offered_no_more_and_takes_nothing_in():
    reason = operations.change_reason(queries.get_reason("owner-away"), active=False, **WHO)
    assert reason not in queries.known_reasons().offered
    with pytest.raises(Conflict):
        operations.merge_reason(reason, text="something", **WHO)
    assert operations.change_reason(reason, active=True, **WHO).active
    assert len(told(reason)) == 2


def test_uses_are_counted_among_the_records_one_may_see():
    sales, support = people.make_team("sales"), people.make_team("support")
    late("seen", rule=make.make_rule(team=sales))
    late("hidden", rule=make.make_rule(team=support))
    outsider = people.make_person(team=support)
    texts = {one.text: one.records for one in queries.reason_uses(outsider) if one.reason is None}
    assert texts == {"hidden": 1}
    lead = people.make_person(roles=[Role.OPS_LEAD])
    assert {"seen", "hidden"} <= {one.text for one in queries.reason_uses(lead)}
