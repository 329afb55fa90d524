"""Handoffs from a CSV file: what is read, what is refused, once and only once, all of a file or nothing."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from handoffs.csv_import.kind import KIND
from handoffs.csv_import.writing import HandoffReader
from handoffs.models import DirtyDay, Handoff
from handoffs.operations import respond_to_handoff, tag_reason
from handoffs.operations.rates import sweep_rates
from opsportal.audit.models import Entry
from opsportal.audit.sentences import sentence
from opsportal.errors import Conflict, Forbidden
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from opsportal.imports import operations, queries
from opsportal.imports.models import ImportBatch, ImportedRow
from opsportal.imports.states import RowState
from tests.factories import handoffs as make
from tests.factories import identity as people
from tests.factories.handoffs import START

pytestmark = pytest.mark.django_db
NOW = START + timedelta(days=3)
HEAD = "subject,external_ref,started_at,first_response_at,owner,amount\n"
TWO = (
    HEAD + "Acme,A-1,2026-11-03T09:00:00Z,2026-11-03T09:10:00Z,ana,1200.50\n"
    "Bolt,B-2,2026-11-03T09:00:00Z,2026-11-03T10:10:00Z,ANA@example.org,\n"
)


@pytest.fixture
def ana():
    return people.make_person("ana", name="Ana Silva")


@pytest.fixture
def lead():
    return people.make_person("lead", roles=[Role.OPS_LEAD])


@pytest.fixture
def rule():
    return make.make_rule("speed")


def options(**said):
    return {"rule": "speed", "live": False, "timezone": "UTC", "dates": "", **said}


def upload(text, person, now=NOW, **said):
    raw = text.encode() if isinstance(text, str) else text
    return operations.upload_file(
        kind=KIND, file_name="leads.csv", raw=raw, principal=person, options=options(**said), actor=actor_for(person),
        now=now,
    )  # fmt: skip


def bring_in(text, person, now=NOW, **said):
    batch = upload(text, person, now, **said)
    done, _ = operations.import_batch(batch, principal=person, actor=actor_for(person), now=now)
    return done


def problems(text, person, **said):
    """(line, column, code) of everything refused."""
    batch = upload(text, person, **said)
    plan, _ = queries.plan_of(batch, queries.sheet_of(batch), person, NOW)
    return [(row.line, one.column, one.code) for row in plan.of(RowState.REFUSED) for one in row.problems]


def test_history_comes_in_with_its_verdicts_and_nobody_is_told(rule, ana, lead):
    batch = bring_in(TWO, lead)
    assert batch.counts == {"created": 2, "duplicate": 0, "refused": 0}
    first, second = Handoff.objects.order_by("pk")
    assert (first.subject, first.state, first.business_hit, str(first.amount)) == ("Acme", "responded", True, "1200.50")
    assert (second.owner, second.business_hit, second.missed, second.breached) == (ana, False, True, True)
    assert first.historical
    assert first.next_fire_at is None
    assert make.told(ana) == []
    assert make.actions_on(first) == ["created", "responded"]
    assert [row.key for row in batch.rows.all()] == [str(first.pk), str(second.pk)]
    entry = Entry.objects.get(action="import.imported")
    assert sentence(entry) == "Lead imported leads.csv (speed, as history): 2 new, 0 there before, 0 left out."


def test_the_same_file_again_changes_nothing(rule, ana, lead):
    bring_in(TWO, lead)
    again = bring_in(TWO, lead)
    assert again.counts == {"created": 0, "duplicate": 2, "refused": 0}
    assert Handoff.objects.count() == 2
    assert {row.key for row in again.rows.all()} == {str(one.pk) for one in Handoff.objects.all()}


def test_rows_without_a_reference_are_the_same_by_subject_and_start(rule, lead):
    text = "subject,started_at\nForm,2026-11-03 09:00\nForm,2026-11-03 09:00\nForm,2026-11-03 09:01\n"
    assert bring_in(text, lead).counts == {"created": 2, "duplicate": 1, "refused": 0}
    assert bring_in(text, lead).counts["created"] == 0


def test_live_rows_without_a_start_are_the_same_by_all_they_say(rule, lead):
    text = "subject,channel\nForm,web\nForm,chat\n"
    assert bring_in(text, lead, live=True).counts["created"] == 2
    assert bring_in(text, lead, live=True, now=NOW + timedelta(hours=1)).counts == {
        "created": 0, "duplicate": 2, "refused": 0,
    }  # fmt: skip


def test_of_two_rows_that_would_run_under_one_reference_one_comes_in(rule, lead):
    make.make_handoff(rule, external_ref="R-9")
    text = HEAD + "One,R-1,2026-11-03 09:00,,,\nTwo,R-1,2026-11-03 09:05,,,\nThree,R-9,2026-11-03 12:00,,,\n"
    assert bring_in(text, lead).counts == {"created": 1, "duplicate": 2, "refused": 0}


def test_everything_wrong_is_told_at_its_line_and_column(rule, ana, lead):
    text = (
        HEAD + ",A-1,2026-11-03T09:00:00Z,,nobody,12x\n"
        '"A name\nin two lines",A-2,2026-11-03T09:00:00Z,2026-11-01T09:00:00Z,ana,1\n'
        "Late,A-3,2027-01-01T00:00:00Z,,,\n"
        "Day,A-4,2026-11-03,,,\n"
        "None,A-5,,,,\n"
        "Wide,A-6,2026-11-03 09:00,,,,more\n"
    )
    assert problems(text, lead) == [
        (2, "owner", "unknown_person"),
        (2, "amount", "invalid"),
        (2, "subject", "required"),
        (3, "first_response_at", "before_start"),
        (5, "started_at", "in_the_future"),
        (6, "started_at", "no_time"),
        (7, "started_at", "required"),
        (8, "", "too_many_cells"),
    ]


def test_good_rows_come_in_and_refused_ones_stay_out_with_their_cells(rule, lead):
    batch = bring_in("subject,started_at,amount\nGood,2026-11-03 09:00,1\n=bad(),2026-11-03 09:00,much\n", lead)
    assert batch.counts == {"created": 1, "duplicate": 0, "refused": 1}
    assert list(queries.refused_rows(batch, None)) == [
        ["=bad()", "2026-11-03 09:00", "much", "3", "amount: This is no amount. Write it like 1234.50."]
    ]


@pytest.mark.parametrize(
    "cell",
    ["=HYPERLINK(1)", "+1 555 010", "-2", "@SUM(A1)", "<script>alert(1)</script>", "{{7*7}}", "'; DROP TABLE x;--"],
)
def test_hostile_text_is_text(rule, lead, cell):
    bring_in(f'subject,started_at\n"{cell}",2026-11-03 09:00\n', lead)
    assert Handoff.objects.get().subject == cell


@pytest.mark.parametrize(
    ("cell", "column", "code"),
    [
        ("9" * 5_000, "amount", "invalid"),
        ("1e999", "amount", "invalid"),
        ("NaN", "amount", "invalid"),
        ("1.234", "amount", "invalid"),
        ("9" * 5_000, "sla_minutes", "invalid"),
        ("٣٠", "sla_minutes", "invalid"),
        ("9" * 5_000, "started_at", "invalid"),
        ("0001-01-01T00:00:00+14:00", "started_at", "overflow"),
        ("03/04/2026 10:00", "started_at", "ambiguous"),
        ("a\x00b", "channel", "nul_character"),
        ("x" * 61, "channel", "max_length"),
        ("x" * 20_000, "channel", "max_length"),
        ("javascript:alert(1)", "url", "invalid"),
        ('{"a": 1, "a": 2}', "attributes", "invalid"),
        ("[1]", "attributes", "wrong_type"),
        ('{"a": "\\ud800"}', "attributes", "invalid"),
        ('{"a": "\\u0000"}', "attributes", "invalid"),
        ("[" * 5_000, "attributes", "invalid"),
        ("1" + "0" * 9_000, "attributes", "invalid"),
        ("other", "rule", "other_rule"),
        ("not an id", "handoff", "invalid"),
    ],
)  # fmt: skip
def test_hostile_values_are_refused_at_their_cell(rule, lead, cell, column, code):
    quoted = cell.replace('"', '""')
    started = "" if column == "started_at" else ",started_at"
    value = "" if column == "started_at" else ",2026-11-03 09:00"
    assert problems(f'subject,{column}{started}\nLead,"{quoted}"{value}\n', lead) == [(2, column, code)]


def test_exports_of_a_crm_are_understood_as_they_are(rule, ana, lead):
    text = (
        "Lead ID;Full Name;Lead Owner;Lead Source;Created Date;First Response Date;Deal Amount;Rating\n"
        "00Q5g;Acme GmbH;Ana Silva;Web;21.10.2026 15:05;21.10.2026 15:20;€ 1.234,50;Hot\n"
    )
    batch = upload(text, lead, timezone="Europe/Berlin")
    assert batch.mapping == [
        "external_ref", "subject", "owner", "channel", "started_at", "first_response_at", "amount", "",
    ]  # fmt: skip
    operations.import_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    handoff = Handoff.objects.get()
    assert (handoff.owner, handoff.channel, str(handoff.amount)) == (ana, "Web", "1234.50")
    assert handoff.started_at.isoformat() == "2026-10-21T13:05:00+00:00"


def test_american_dates_are_recognised_by_the_one_that_tells(rule, lead):
    batch = upload("subject,started_at\nA,10/09/2026 3:05 PM\nB,10/21/2026 12:00 am\n", lead)
    assert batch.options["dates"] == "month_first"
    operations.import_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    assert [one.started_at.isoformat() for one in Handoff.objects.order_by("started_at")] == [
        "2026-10-09T15:05:00+00:00",
        "2026-10-21T00:00:00+00:00",
    ]


def test_a_column_can_be_kept_as_an_attribute(rule, lead):
    batch = upload("subject,started_at,Lead Score\nA,2026-11-03 09:00,77\n", lead)
    mapping = [*batch.mapping[:2], "attribute"]
    batch = operations.set_reading(batch, mapping=mapping, options=options(), actor=actor_for(lead), now=NOW)
    operations.import_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    assert Handoff.objects.get().attributes == {"Lead Score": "77"}


def test_live_rows_past_their_timer_are_acted_on_at_the_next_sweep(rule, ana, lead):
    bring_in(HEAD + "Acme,A-1,2026-11-06T08:00:00Z,,ana,\n", lead, live=True)
    handoff = Handoff.objects.get()
    assert handoff.late_on_arrival
    assert not handoff.historical
    assert make.sweep(NOW) > 0
    assert make.told(ana)


def test_only_who_may_configure_brings_in_live(rule, ana):
    batch = upload("subject\nA\n", ana, live=True)
    with pytest.raises(Forbidden):
        operations.import_batch(batch, principal=ana, actor=actor_for(ana), now=NOW)
    assert Handoff.objects.count() == 0


def test_what_came_in_live_is_taken_out_by_those_who_may_bring_it_in(rule, ana, lead):
    batch = bring_in("subject\nA\n", lead, live=True)
    with pytest.raises(Forbidden):
        operations.undo_batch(batch, principal=ana, actor=actor_for(ana), now=NOW)
    assert Handoff.objects.count() == 1


def test_what_has_changed_since_the_preview_is_looked_at_again(rule, ana, lead):
    first, second = upload(TWO, lead), upload(TWO, lead)
    operations.import_batch(first, principal=lead, actor=actor_for(lead), now=NOW, expected=2)
    with pytest.raises(Conflict, match="Look again"):
        operations.import_batch(second, principal=lead, actor=actor_for(lead), now=NOW, expected=2)
    with pytest.raises(Conflict, match="already"):
        operations.import_batch(first, principal=lead, actor=actor_for(lead), now=NOW, expected=2)
    assert Handoff.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_crash_in_between_leaves_nothing_half_written(rule, ana, lead, monkeypatch):
    batch = upload(TWO, lead)
    entries = Entry.objects.count()

    def crash(*args, **kwargs):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(ImportedRow.objects, "bulk_create", crash)
    with pytest.raises(DatabaseError):
        operations.import_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    assert (Handoff.objects.count(), Entry.objects.count(), DirtyDay.objects.count()) == (0, entries, 0)
    monkeypatch.undo()
    batch.refresh_from_db()
    done, _ = operations.import_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    assert done.counts["created"] == 2


def test_undo_takes_out_what_is_untouched_and_names_the_rest(rule, ana, lead):
    text = TWO + "Carl,C-3,2026-11-03T09:00:00Z,,ana,\n"
    batch = bring_in(text, lead)
    carl = Handoff.objects.get(subject="Carl")
    respond_to_handoff(carl, actor=actor_for(ana), now=NOW + timedelta(minutes=5), reason="Called")
    later = NOW + timedelta(hours=1)
    assert queries.look_back(batch).kept == {str(carl.pk): "Ana Silva answered: Called."}
    done, undoing = operations.undo_batch(batch, principal=lead, actor=actor_for(lead), now=later)
    assert (len(undoing.removed), list(undoing.kept)) == (2, [str(carl.pk)])
    assert list(Handoff.objects.all()) == [carl]
    assert (done.state, done.counts["removed"], done.counts["kept"]) == ("undone", 2, 1)
    states = dict(batch.rows.values_list("label", "state"))
    assert states == {"Acme": "removed", "Bolt": "removed", "Carl": "kept"}
    assert Entry.objects.filter(action="handoff.removed").count() == 2
    told = sentence(Entry.objects.get(action="import.undone"))
    assert told == "Lead undid the import of leads.csv: 2 taken out again, 1 kept."
    with pytest.raises(Conflict):
        operations.undo_batch(batch, principal=lead, actor=actor_for(lead), now=later)


def test_after_an_undo_the_file_can_come_in_again(rule, ana, lead):
    operations.undo_batch(bring_in(TWO, lead), principal=lead, actor=actor_for(lead), now=NOW)
    assert bring_in(TWO, lead).counts["created"] == 2


def test_what_the_timer_did_keeps_no_record_from_going(rule, ana, lead):
    batch = bring_in(HEAD + "Acme,A-1,2026-11-06T08:00:00Z,,ana,\n", lead, live=True)
    assert make.sweep(NOW) > 0
    _, done = operations.undo_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    assert (len(done.removed), done.kept, Handoff.objects.count()) == (1, {}, 0)


def test_the_hit_rate_follows_an_import_and_its_undo(rule, ana, lead):
    from handoffs.models import RateDay

    batch = bring_in(TWO, lead)
    sweep_rates(NOW)
    assert RateDay.objects.get(dimension="").business_evaluated == 2
    operations.undo_batch(batch, principal=lead, actor=actor_for(lead), now=NOW)
    sweep_rates(NOW)
    assert not RateDay.objects.filter(dimension="").exists()


def test_a_reason_is_kept_where_the_timer_was_missed(rule, ana, lead):
    bring_in("subject,started_at,first_response_at,breach_reason\nA,2026-11-03 09:00,2026-11-03 11:00,Holiday\n", lead)
    handoff = Handoff.objects.get()
    assert handoff.breach_reason == "Holiday"
    tag_reason(handoff, breach_reason="Sick", actor=actor_for(ana), now=NOW)


def test_two_files_of_the_same_rows_at_once_open_each_once(rule, ana, lead):
    batches = [upload(TWO, lead), upload(TWO.replace("1200.50", "1300"), lead)]
    counts = [
        operations.import_batch(one, principal=lead, actor=actor_for(lead), now=NOW)[0].counts["created"]
        for one in batches
    ]
    assert counts == [2, 0]
    assert ImportBatch.objects.count() == 2


def test_a_record_opened_elsewhere_while_we_write_is_found_at_the_second_look(rule, lead, monkeypatch):
    make.make_handoff(rule, external_ref="R-1")
    real, looks = HandoffReader.standing, []

    def blind_at_first(reader, items):
        looks.append(len(items))
        return real(reader, items) if len(looks) > 1 else {}

    monkeypatch.setattr(HandoffReader, "standing", blind_at_first)
    batch = bring_in(HEAD + "One,R-1,2026-11-05 09:00,,,\nTwo,R-2,2026-11-05 09:00,,,\n", lead)
    assert looks == [2, 2]
    assert batch.counts == {"created": 1, "duplicate": 1, "refused": 0}
    assert Handoff.objects.count() == 2
