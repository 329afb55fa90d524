"""Five seconds at the cockpit: how many things need me, which first, and when idle, why."""

from datetime import timedelta

import pytest

from handoffs import operations
from opsportal import clock
from opsportal.catalog.operations import set_degraded
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from opsportal.portal.cockpit import cockpit_of
from opsportal.sweeps import health
from slos.facts import News, raise_facts
from slos.states import FactKind
from tests.factories.approvals import ask
from tests.factories.catalog import make_automation
from tests.factories.handoffs import make_handoff, make_rule
from tests.factories.identity import SETUP, make_person, make_team

pytestmark = pytest.mark.django_db
NAME = "<script>alert(1)</script> & Söhne"


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def team(now):
    """A team with its rule of 30 minutes and four people: owner, teammate, outsider, leader."""
    team, other = make_team("east"), make_team("west")
    people = {
        "owner": make_person("owner", team=team),
        "teammate": make_person("teammate", team=team),
        "outsider": make_person("outsider", team=other),
        "leader": make_person("leader", roles=[Role.OPS_LEAD]),
    }
    return {**people, "rule": make_rule(team=team, now=now - timedelta(days=9))}


def start(team, now, minutes_ago, **said):
    at = now - timedelta(minutes=minutes_ago)
    values = {"owner": team["owner"], "backup_owner": team["teammate"], **said}
    return make_handoff(team["rule"], started_at=at, now=at, **values)


def sign_in(client, person):
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")


def test_what_needs_me_stands_by_deadline_with_the_late_first(team, now):
    start(team, now, 5, subject="fresh")
    start(team, now, 50, subject="late")
    start(team, now, 19.5, subject="soon")
    cockpit = cockpit_of(team["owner"], now)
    assert [need.title for need in cockpit.needs] == ["late", "soon", "fresh"]
    assert [need.is_late for need in cockpit.needs] == [True, False, False]
    assert cockpit.sentence == "3 things need you: 1 is late, the next runs out in 10 min."
    assert (cockpit.word, cockpit.tone) == ("1 late", "bad")


def test_one_thing_in_time_reads_as_one(team, now):
    start(team, now, 24.5)
    cockpit = cockpit_of(team["owner"], now)
    assert cockpit.sentence == "1 thing needs you: it runs out in 5 min."
    assert cockpit.tone == "warn"


def test_four_people_see_what_is_theirs_to_see(team, now):
    start(team, now, 50, subject="late")
    seen = {name: cockpit_of(team[name], now) for name in ("owner", "teammate", "outsider", "leader")}
    assert [len(seen[name].needs) for name in seen] == [1, 0, 0, 0]
    assert [len(seen[name].late_elsewhere) for name in seen] == [0, 1, 0, 1]
    assert [seen[name].counts.running for name in seen] == [1, 1, 0, 1]


def test_what_is_on_hold_or_answered_needs_nobody(team, now):
    held, answered = start(team, now, 20), start(team, now, 20)
    operations.pause_handoff(held, reason="waits for the customer", actor=SETUP, now=now)
    operations.respond_to_handoff(answered, actor=actor_for(team["owner"]), now=now)
    assert cockpit_of(team["owner"], now).is_idle


def test_what_runs_out_next_with_others_says_where_i_stand_by(client, team, now):
    start(team, now, 25, subject="almost")
    sign_in(client, team["teammate"])
    page = client.get("/").content.decode()
    assert "almost" in page
    assert "you stand by" in page


def test_idle_says_why_and_that_it_is_good(client, team, now, monkeypatch):
    monkeypatch.setattr(health, "degraded", lambda now: None)
    start(team, now, 5)
    sign_in(client, team["teammate"])
    page = client.get("/").content.decode()
    assert "Nothing needs you" in page
    assert "None of yours runs; 1 handoff runs elsewhere, all of them in time." in page
    assert 'class="empty good"' in page


def test_an_empty_house_says_where_handoffs_come_from(client, team, monkeypatch):
    monkeypatch.setattr(health, "degraded", lambda now: None)
    sign_in(client, team["owner"])
    page = client.get("/").content.decode()
    assert "Handoffs arrive over the API, from events, or by hand." in page
    assert 'class="empty good"' not in page


def test_quiet_while_the_worker_stands_still_is_not_called_good(client, team):
    sign_in(client, team["owner"])
    page = client.get("/").content.decode()
    assert "no timer is being enforced" in page
    assert "Quiet, and that may not be good" in page
    assert 'class="empty good"' not in page


def test_a_request_waits_for_who_may_decide_it_and_not_for_who_asked(team, now):
    ask(team["owner"], title="Replay to the CRM", now=now)
    deciding = cockpit_of(team["leader"], now)
    assert [need.title for need in deciding.needs] == ["Replay to the CRM"]
    assert deciding.approval_count == 1
    assert cockpit_of(team["owner"], now).approval_count == 0


def test_many_are_counted_and_the_first_twelve_shown(team, now):
    for minutes in range(15):
        start(team, now, minutes)
    cockpit = cockpit_of(team["owner"], now)
    assert (cockpit.need_count, len(cockpit.needs)) == (15, 12)


def test_a_viewer_gets_no_buttons(client, team, now):
    viewer = make_person("reader", roles=[Role.VIEWER], team=team["rule"].team)
    start(team, now, 50, owner=viewer)
    sign_in(client, viewer)
    page = client.get("/").content.decode()
    assert "1 is late" in page
    assert "/respond/" not in page


def test_names_are_text_and_the_page_stays_small_and_cheap(client, team, now, django_assert_max_num_queries):
    for minutes in range(30):
        start(team, now, minutes * 3, subject=NAME)
    sign_in(client, team["owner"])
    client.get("/")
    with django_assert_max_num_queries(16):
        response = client.get("/")
    assert b"<script>alert" not in response.content
    assert len(response.content) < 100_000


def test_nobody_sees_it_without_signing_in(client):
    assert client.get("/").url == "/login/?next=/"


def fail(automation, now, *sentences):
    raise_facts(
        [
            News(f"{automation.slug} {sentence}", FactKind.EXHAUSTED, sentence, occurred_at=now, automation=automation)
            for sentence in sentences
        ],
        now=now,
    )


def test_what_is_wrong_stands_once_an_automation_and_mine_first(team, now):
    other = make_automation("a-first", tier="P0", team=team["owner"].team)
    mine = make_automation("z-last", tier="P2", team=team["owner"].team, owner=team["owner"])
    fail(other, now, "It loops.")
    fail(mine, now, "One.", "Two.", "Three.", "Four.")
    cockpit = cockpit_of(team["owner"], now)
    assert [(one.name, len(one.facts), one.more) for one in cockpit.wrong] == [(str(mine), 3, 1), (str(other), 1, 0)]
    assert cockpit.sentence == "No timer waits for you. 1 automation of yours is in trouble."
    assert (cockpit.word, cockpit.tone) == ("1 in trouble", "warn")
    assert cockpit_of(team["teammate"], now).sentence == "Nothing needs you right now."


def test_who_stands_by_for_an_automation_hears_of_it_too(team, now):
    mine = make_automation("router", team=team["owner"].team, owner=team["owner"], backup_owner=team["teammate"])
    fail(mine, now, "It loops.")
    assert cockpit_of(team["teammate"], now).word == "1 in trouble"
    assert cockpit_of(team["outsider"], now).wrong == []


def test_what_sales_is_to_know_of_a_degraded_automation_stands_there_until_it_ends(client, team, now):
    router = make_automation("router", team=team["owner"].team, owner=team["owner"])
    until = clock.now() + timedelta(hours=1)
    set_degraded(router, sentence="Leads arrive ten minutes late.", until=until, actor=SETUP, now=clock.now())
    sign_in(client, team["teammate"])
    assert "Leads arrive ten minutes late." in client.get("/").content.decode()
    assert [one.slug for one in cockpit_of(team["teammate"], until - timedelta(seconds=1)).degraded] == ["router"]
    assert cockpit_of(team["teammate"], until).degraded == []
    assert cockpit_of(team["outsider"], now).degraded == []
