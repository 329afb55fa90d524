"""The weekly review: what belongs to a week, what it says of it, and noting reasons on the page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as some

from handoffs import operations
from handoffs.engine.weeks import Week
from handoffs.models import Handoff, Rule
from handoffs.queries.review import review
from handoffs.states import RuleMode
from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories import handoffs as make
from tests.factories import identity as people

WEEK = Week.of(make.START)  # Tuesday 3 November 2026
AFTERWARDS = WEEK.after.until
KIM = Actor("human", "kim", "Kim")
db = pytest.mark.django_db


@given(some.integers(31_536_000, 6_900_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_every_instant_lies_in_one_week_and_a_week_is_read_as_it_is_written(instant):
    week = Week.of(instant)
    assert week.from_at <= instant < week.until
    assert Week.parse(str(week)) == week
    assert week.before.until == week.from_at
    assert week.after.from_at == week.until


@pytest.mark.parametrize(
    "text", ["", "2026-47", "2026-W54", "2025-W53", "2026-W00", "W47", "٢٠٢٦-W01", "9999-W01", "2026-W1"]
)
def test_what_is_no_week_is_refused(text):
    with pytest.raises(InvalidInput):
        Week.parse(text)


def test_a_year_has_53_weeks_where_the_calendar_says_so():
    assert str(Week.parse("2026-W53").after) == "2027-W01"


@dataclass
class Four:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    rule: Rule


@pytest.fixture
def four():
    sales, support = people.make_team("sales"), people.make_team("support")
    return Four(
        owner=people.make_person("olga", team=sales),
        teammate=people.make_person("tom", team=sales),
        outsider=people.make_person("otto", team=support),
        leader=people.make_person("lena", roles=[Role.OPS_LEAD]),
        rule=make.make_rule("speed", team=sales),
    )


def answered(rule, minutes, subject="Acme", *, start=make.START, reason="", **said):
    """A record answered so many minutes after its start, with everything due by then fired."""
    handoff = make.make_handoff(rule, subject=subject, started_at=start, **said)
    for minute in (30, 60, 90):
        if minute < minutes:
            make.sweep(start + timedelta(minutes=minute, seconds=5))
    at = start + timedelta(minutes=minutes)
    handoff = operations.respond_to_handoff(handoff, actor=KIM, now=at)
    if reason:
        operations.tag_reason(handoff, breach_reason=reason, actor=people.SETUP, now=at)
    return handoff


def subjects(told):
    return [one.handoff.subject for one in told.overruns]


@db
def test_a_record_stands_in_the_week_its_verdict_fell(four):
    sunday = WEEK.until - timedelta(minutes=45)
    answered(four.rule, 20, "In time")
    answered(four.rule, 45, "Missed")
    answered(four.rule, 75, "Breached")
    answered(four.rule, 50, "Missed on Sunday night", start=sunday)
    answered(four.rule, 80, "Missed on Sunday, breached on Monday", start=sunday)
    told = review(four.leader, WEEK, now=AFTERWARDS)
    assert subjects(told) == ["Breached", "Missed on Sunday night", "Missed"]
    assert (told.overran, told.breached, told.untagged) == (3, 1, 3)
    assert subjects(review(four.leader, WEEK.after, now=AFTERWARDS)) == ["Missed on Sunday, breached on Monday"]


@db
def test_what_still_runs_is_judged_as_of_now_and_stays_in_one_list(four):
    make.make_handoff(four.rule, subject="Waiting")
    assert subjects(review(four.leader, WEEK, now=make.after(30))) == []
    (missed,) = review(four.leader, WEEK, now=make.after(31)).overruns
    assert not missed.breached
    (breached,) = review(four.leader, WEEK, now=make.after(61)).overruns
    assert breached.breached
    make.sweep(make.after(62))
    (swept,) = review(four.leader, WEEK, now=make.after(63)).overruns
    assert swept.breached
    assert swept.ran_out_at == breached.ran_out_at == make.after(60)


@db
def test_shadows_count_nowhere_and_history_that_is_open_is_only_listed(four):
    shadow = make.make_rule("trial", mode=RuleMode.SHADOW)
    answered(shadow, 90, "Shadow")
    make.make_handoff(four.rule, subject="Old and open", historical=True, now=make.after(500))
    told = review(four.leader, WEEK, now=AFTERWARDS)
    assert subjects(told) == []
    assert [one.subject for one in told.historical_open.handoffs] == ["Old and open"]


@db
def test_the_top_reason_counts_spellings_together(four):
    for number in range(3):
        answered(
            four.rule, 45, f"A{number}", reason=["Owner in meetings", "owner in meetings", "OWNER in  meetings"][number]
        )
    answered(four.rule, 75, "B", reason="no rota")
    answered(four.rule, 75, "C")
    told = review(four.leader, WEEK, now=AFTERWARDS)
    assert [(one.text, one.records, one.breached, one.is_listed) for one in told.reasons] == [
        ("Owner in meetings", 3, 0, True),
        ("no rota", 1, 1, False),
    ]
    assert {one.handoff.subject for one in told.top_records} == {"A0", "A1", "A2"}
    assert told.untagged == 1


@db
def test_an_alert_is_without_effect_when_nothing_was_done_before_the_next_stage(four):
    answered(four.rule, 75, "Ignored")  # alerted at 30, moved at 60, answered at 75
    answered(four.rule, 45, "Heard")
    told = review(four.leader, WEEK, now=AFTERWARDS)
    (stage,) = told.silent
    assert (stage.rule, stage.percent, stage.silent) == (four.rule, 100, 1)
    assert stage.fired == 2
    assert not stage.is_candidate


@db
def test_a_program_that_did_something_counts_as_an_effect(four):
    handoff = make.make_handoff(four.rule)
    make.sweep(make.after(30, 5))
    crm = Actor("token", "7", "CRM")
    operations.assign_handoff(handoff, owner=four.teammate, actor=crm, now=make.after(40))
    make.sweep(make.after(60, 5))
    assert review(four.leader, WEEK, now=AFTERWARDS).silent == []


@db
def test_a_week_that_runs_is_compared_with_the_same_part_of_the_last_one(four):
    answered(four.rule, 45, "Last Tuesday", start=make.START - timedelta(days=7))
    answered(four.rule, 45, "Last Friday", start=make.START - timedelta(days=4))
    answered(four.rule, 45, "This Tuesday")
    (line,) = [one for one in review(four.leader, WEEK, now=make.after(120)).rules if one.rule == four.rule]
    assert (line.started, line.overran, line.started_before, line.overran_before) == (1, 1, 1, 1)
    (line,) = [one for one in review(four.leader, WEEK, now=AFTERWARDS).rules if one.rule == four.rule]
    assert (line.overran, line.overran_before) == (1, 2)


@db
def test_what_changed_is_told_in_sentences_and_rules_that_open_nothing_are_asked_about(four):
    terms = operations.terms_of(four.rule)
    operations.change_rule(
        four.rule, terms=terms, name="Speed to lead", actor=people.SETUP, now=make.after(1), reason="Clearer"
    )
    told = review(four.leader, WEEK, now=AFTERWARDS)
    assert "rule.changed" in [entry.action for entry in told.changes]
    assert [one.rule for one in told.idle_rules] == [four.rule]  # active for thirty days, and nothing opened


@db
def test_everybody_sees_the_week_of_the_rules_they_may_see(four):
    answered(four.rule, 45, "Acme", owner=four.owner, backup_owner=four.teammate)
    for person, seen in ((four.owner, 1), (four.teammate, 1), (four.outsider, 0), (four.leader, 1)):
        told = review(person, WEEK, now=AFTERWARDS)
        assert (len(told.overruns), told.overran) == (seen, seen), person


# --- the page and the API ---


def browser(person):
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def lately(four):
    """Two records that ran out this week, and now."""
    start = max(Week.of(clock.now()).from_at, clock.now() - timedelta(hours=3))
    return [
        make.make_handoff(four.rule, subject=name, owner=four.owner, started_at=start, now=start, sla_minutes=1)
        for name in ("Acme", "Berta")
    ]


@db
def test_a_reason_is_noted_in_its_row_and_the_person_stays_on_the_page(four, lately):
    first, second = (str(one.pk) for one in lately)
    body = {
        f"reason-{first}": "owner-away",
        f"reason-{second}": "wrong-region",
        "only": first,
        "next": "/review/?page=1",
    }
    answer = browser(four.teammate).post("/review/tag/", body)
    assert answer["Location"] == f"/review/?page=1#row-{first}"
    assert [make.again(one).breach_reason for one in lately] == ["Owner away, backup not told", ""]
    body.pop("only")
    browser(four.teammate).post("/review/tag/", body)
    assert make.again(lately[1]).breach_reason == "Routed to the wrong region"


@db
def test_one_reason_for_all_ticked_rows(four, lately):
    body = {"selected": [str(one.pk) for one in lately] + ["nonsense"], "reason": "owner-away", "for_ticked": "1"}
    page = browser(four.owner).post("/review/tag/", {**body, "next": "/review/"}, follow=True).content.decode()
    assert "Noted for 2 records." in page
    assert not Handoff.objects.filter(breach_reason="").exists()


@db
def test_who_may_not_write_reads_and_tags_nothing(four, lately):
    viewer = people.make_person("vera", roles=[Role.VIEWER])
    page = browser(viewer).get("/review/").content.decode()
    assert "Acme" in page
    assert "Note all" not in page
    body = {f"reason-{lately[0].pk}": "owner-away"}
    assert browser(viewer).post("/review/tag/", body).status_code == 403
    assert browser(four.outsider).get("/review/").status_code == 200
    assert "Acme" not in browser(four.outsider).get("/review/").content.decode()
    browser(four.outsider).post("/review/tag/", body)
    assert make.again(lately[0]).breach_reason == ""


@db
def test_words_off_the_list_are_shown_as_such_and_an_ops_lead_merges_them(four, lately):
    operations.tag_reason(lately[0], breach_reason="<b>no rota</b>", actor=people.SETUP, now=clock.now())
    page = browser(four.owner).get("/review/").content.decode()
    assert "not on the list" in page
    assert "&lt;b&gt;no rota" in page
    assert "<b>no rota" not in page
    assert browser(four.owner).get("/review/reasons/merge/?text=x").status_code == 403
    into = operations.add_reason(label="Rota", actor=people.SETUP, now=clock.now())
    browser(four.leader).post("/review/reasons/merge/?text=%3Cb%3Eno+rota%3C%2Fb%3E", {"into": into.pk})
    assert make.again(lately[0]).breach_reason == "Rota"


@db
def test_an_ops_lead_keeps_the_list_on_its_page(four):
    lead = browser(four.leader)
    lead.post("/review/reasons/", {"label": "Printer on fire"})
    lead.post("/review/reasons/printer-on-fire/", {"label": "Fire", "position": 5})
    page = browser(four.owner).get("/review/reasons/").content.decode()
    assert "Fire" in page
    assert "also: Printer on fire" in page
    assert "retired" in page  # the box was not ticked
    assert browser(four.owner).post("/review/reasons/", {"label": "Mine"}).status_code == 200
    assert "Mine" not in browser(four.owner).get("/review/reasons/").content.decode()
    refused = lead.post("/review/reasons/", {"label": "owner in meetings"})
    assert refused.status_code == 422
    assert "on the list already" in refused.content.decode()


@db
def test_the_api_tells_what_the_page_shows_and_the_csv_has_its_rows(four, lately):
    answer = browser(four.owner).get("/api/v1/review/")
    told = answer.json()
    assert [one["subject"] for one in told["breaches"]] == ["Acme", "Berta"] or told["breached"] == 2
    assert (told["overran"], told["untagged"]) == (2, 2)
    rows = b"".join(browser(four.owner).get("/review/?format=csv").streaming_content).decode().splitlines()
    assert len(rows) == 3
    assert rows[0].startswith("\ufeffsubject,rule,owner")
    for bad in ("week=2026", "rule=none", "nothing=1"):
        assert browser(four.owner).get(f"/api/v1/review/?{bad}").status_code in (400, 404)
    assert browser(four.owner).get("/review/?week=nonsense").status_code == 400
    assert browser(four.outsider).get("/review/?rule=speed").status_code == 404


@db
def test_programs_keep_the_list_over_the_api(four):
    _, text = people.make_token("handoffs:read", "handoffs:write")
    _, reading = people.make_token("handoffs:read")
    client = Client(headers=people.bearer(text))
    kind = {"content_type": "application/json"}
    assert client.post("/api/v1/breach-reasons/", {"label": "No rota"}, **kind).status_code == 201
    changed = client.patch("/api/v1/breach-reasons/no-rota/", {"label": "No rota yet", "active": False}, **kind).json()
    assert (changed["also"], changed["active"]) == (["No rota"], False)
    merged = client.post("/api/v1/breach-reasons/owner-away/merge/", {"text": "no-rota"}, **kind).json()
    assert "No rota yet" in merged["reason"]["also"]
    assert client.get("/api/v1/breach-reasons/no-rota/").status_code == 404
    assert (
        Client(headers=people.bearer(reading)).post("/api/v1/breach-reasons/", {"label": "x"}, **kind).status_code
        == 403
    )
    assert browser(four.owner).post("/api/v1/breach-reasons/", {"label": "x"}, **kind).status_code == 403
    active = client.get("/api/v1/breach-reasons/?active=true").json()["results"]
    assert "owner-away" in [one["slug"] for one in active]


@db
def test_the_page_costs_a_bounded_number_of_queries_and_stays_small(four, django_assert_max_num_queries):
    start = clock.now() - timedelta(minutes=150)
    for one in make.make_many(60, four.rule, subject="Lead", started_at=start, now=start, owner=four.owner)[:30]:
        operations.tag_reason(one, breach_reason=f"reason {one.pk}"[:20], actor=people.SETUP, now=clock.now())
    make.sweep(clock.now())
    client = browser(four.owner)
    client.get("/review/")
    with django_assert_max_num_queries(12):
        page = client.get("/review/")
    assert len(page.content) < 100_000
