"""The pages of handoffs and rules as owner, teammate, outsider and leader meet them."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client

from handoffs import operations
from handoffs.models import Handoff, Rule
from handoffs.states import RuleMode
from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from tests.factories import handoffs as make
from tests.factories import identity as people

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script> =cmd()|' {{7*7}}"


@dataclass
class Four:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    handoff: Handoff


@pytest.fixture
def four():
    sales, support = people.make_team("sales"), people.make_team("support")
    owner = people.make_person("olga", team=sales)
    started = clock.now() - timedelta(minutes=5)
    handoff = make.make_handoff(
        make.make_rule("speed", team=sales),
        subject="Acme asks for a demo",
        owner=owner,
        started_at=started,
        now=started,
    )
    return Four(
        owner=owner,
        teammate=people.make_person("tom", team=sales),
        outsider=people.make_person("otto", team=support),
        leader=people.make_person("lena", roles=[Role.VIEWER]),
        handoff=handoff,
    )


def browser(person):
    client = Client()
    client.force_login(person)
    return client


def test_who_may_read_and_who_may_act(four):
    story, act = four.handoff.get_absolute_url(), f"{four.handoff.get_absolute_url()}respond/"
    for person, reads, acts in (
        (four.owner, 200, 200),
        (four.teammate, 200, 200),
        (four.outsider, 404, 404),
        (four.leader, 200, 404),
    ):
        assert browser(person).get(story).status_code == reads, person
        assert browser(person).get(act).status_code == acts, person
    for path in ("/handoffs/", "/handoffs/?view=board"):
        assert b"Acme" in browser(four.teammate).get(path).content
        assert b"Acme" not in browser(four.outsider).get(path).content


def test_a_button_moves_the_record_and_the_story_tells_it(four):
    client = browser(four.owner)
    answer = client.post(f"{four.handoff.get_absolute_url()}respond/", {"reason": "Called back"}, follow=True)
    page = answer.content.decode()
    assert make.again(four.handoff).state == "responded"
    assert "Olga answered: Called back." in page
    assert "It was answered after" in page


def test_a_refusal_is_shown_on_the_form_and_changes_nothing(four):
    client = browser(four.owner)
    future = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    answer = client.post(f"{four.handoff.get_absolute_url()}respond/", {"occurred_at": future})
    assert answer.status_code == 422
    assert "This lies in the future." in answer.content.decode()
    assert make.again(four.handoff).state == "open"


def test_nothing_changes_by_get(four):
    client = browser(four.owner)
    for name in ("respond", "complete", "cancel", "pause", "reassign"):
        client.get(f"{four.handoff.get_absolute_url()}{name}/?reason=x")
    assert make.again(four.handoff).state == "open"


def test_a_post_without_its_token_is_refused(four):
    client = Client(enforce_csrf_checks=True)
    client.force_login(four.owner)
    assert client.post(f"{four.handoff.get_absolute_url()}complete/", {}).status_code == 403
    assert make.again(four.handoff).state == "open"


def test_only_an_ops_lead_changes_a_timer_or_activates_a_rule(four):
    lead = browser(people.make_person("lea", roles=[Role.OPS_LEAD]))
    timer = f"{four.handoff.get_absolute_url()}timer/"
    assert browser(four.owner).get(timer).status_code == 404
    lead.post(timer, {"sla_minutes": 45, "reason": "A large deal"})
    assert make.again(four.handoff).sla_minutes == 45
    make.make_rule("draft", mode=RuleMode.DRAFT)
    assert browser(four.owner).post("/rules/draft/activate/", {}).status_code == 403
    lead.post("/rules/draft/activate/", {"acknowledge": "on", "reason": "Ready"})
    assert Rule.objects.get(slug="draft").mode == RuleMode.ACTIVE


def test_a_person_starts_a_timer_by_hand(four):
    rule = Rule.objects.get(slug="speed")
    answer = browser(four.owner).post("/handoffs/new/", {"rule": rule.pk, "subject": "Typed in", "external_ref": "T1"})
    handoff = Handoff.objects.get(external_ref="T1")
    assert answer["Location"] == handoff.get_absolute_url()
    assert handoff.next_fire_at is not None


def test_many_are_reassigned_after_a_page_that_lists_them(four):
    client = browser(four.teammate)
    other = make.make_handoff(four.handoff.rule, subject="Second")
    keys = [("selected", str(four.handoff.pk)), ("selected", str(other.pk))]
    page = client.get(f"/handoffs/bulk/reassign/?{urlencode(keys)}").content.decode()
    assert "Acme asks for a demo" in page
    assert make.again(other).owner != four.teammate
    answer = client.post(
        "/handoffs/bulk/reassign/", {"selected": [key for _, key in keys], "owner": four.teammate.pk, "reason": ""}
    )
    assert answer.content.decode().count("Done") == 2
    assert {make.again(one).owner for one in (four.handoff, other)} == {four.teammate}


def test_hostile_words_are_text_in_page_and_csv(four):
    make.make_handoff(four.handoff.rule, subject=HOSTILE, owner=four.owner)
    client = browser(four.owner)
    page = client.get("/handoffs/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    make.make_handoff(four.handoff.rule, subject="=1+1", owner=four.owner)
    rows = b"".join(client.get("/handoffs/?format=csv").streaming_content).decode()
    assert "'=1+1" in rows


def test_a_bad_filter_is_shown_at_its_field(four):
    answer = browser(four.owner).get("/handoffs/?state=late%27--&since=yesterday")
    assert answer.status_code == 400
    assert "Enter a valid date" in answer.content.decode()


def editor_values(**values):
    from opsportal.calendars.models import Calendar

    return {
        "name": "Follow-up",
        "calendar": Calendar.objects.get(slug="24x7").pk,
        "stop_clock": "completion",
        "reopen": "resume",
        "sla_minutes": 90,
        "grace_minutes": 0,
        "percent_0": 100,
        "actions_0": ["alert_owner"],
        "percent_1": 200,
        "actions_1": ["mark_breached", "reassign_to_backup", "notify_both"],
        "segment_channel_0": "web",
        "segment_minutes_0": 15,
        "start_on": "Meeting ended",
        **make.SENTENCES,
        **values,
    }


def test_the_editor_previews_in_plain_words_before_anything_is_saved(four):
    client = browser(four.owner)
    page = client.post("/rules/new/", {**editor_values(), "step": "preview"}).content.decode()
    assert "every record gets completion within 1 h 30 min" in page
    assert not Rule.objects.filter(slug="follow-up").exists()
    client.post("/rules/new/", {**editor_values(), "step": "save"})
    terms = Rule.objects.get(slug="follow-up").terms
    assert (terms.sla_minutes, terms.segments, terms.start_on) == (
        90,
        [{"channel": "web", "sla_minutes": 15}],
        {"event_name": "Meeting ended"},
    )


def test_the_editor_names_each_fault_at_its_field(four):
    values = editor_values(percent_1="", segment_minutes_0="")
    answer = browser(four.owner).post("/rules/new/", {**values, "step": "save"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "A stage needs both its percent and something to do." in page
    assert "A segment needs a channel or ICP, and its minutes." in page


def test_an_edit_through_the_page_keeps_what_the_page_does_not_show(four):
    lead = browser(people.make_person("lea", roles=[Role.OPS_LEAD]))
    matcher = {"event_name": "Lead created", "lifecycle": "complete"}
    rule = make.make_rule("watched", start_on=matcher, grace_by_source={"crm": 3})
    form = lead.get("/rules/watched/edit/").context["form"]
    values = {name: value for name, value in form.initial.items() if value not in (None, "")}
    values = {**values, "calendar": rule.terms.calendar.pk, "sla_minutes": 20, "step": "save"}
    assert lead.post("/rules/watched/edit/", values).status_code == 302
    terms = Rule.objects.get(slug="watched").terms
    assert (terms.number, terms.sla_minutes, terms.start_on, terms.grace_by_source) == (2, 20, matcher, {"crm": 3})


def test_a_rule_is_given_back_to_everybody_through_the_page(four):
    lead = browser(people.make_person("lea", roles=[Role.OPS_LEAD]))
    form = lead.get("/rules/speed/edit/").context["form"]
    values = {name: value for name, value in form.initial.items() if value not in (None, "")}
    values = {**values, "calendar": four.handoff.rule.terms.calendar.pk, "team": "", "step": "save"}
    assert lead.post("/rules/speed/edit/", values).status_code == 302
    assert Rule.objects.get(slug="speed").team is None


def test_a_page_costs_a_bounded_number_of_queries(four, django_assert_max_num_queries):
    for number in range(12):
        handoff = make.make_handoff(four.handoff.rule, subject=f"Lead {number}", owner=four.owner)
        if number % 3 == 0:
            operations.pause_handoff(handoff, actor=people.SETUP, now=make.after(5), reason="Waiting")
    client = browser(four.teammate)
    for path, most in (
        ("/handoffs/", 14),
        ("/handoffs/?view=board", 16),
        (four.handoff.get_absolute_url(), 16),
        ("/rules/", 12),
    ):
        client.get(path)
        with django_assert_max_num_queries(most):
            assert client.get(path).status_code == 200


def test_a_persons_page_says_what_they_have_running(four):
    page = browser(four.teammate).get(f"/people/{four.owner.username}/").content.decode()
    assert "1 running" in page
    assert "/handoffs/?state=running&amp;owner=olga" in page
