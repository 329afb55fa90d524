"""The pages of policy and leadership: what four people see, what the share link shows, what a page costs."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from opsportal import clock
from opsportal.approvals.models import Approval
from opsportal.audit import queries as audit
from opsportal.catalog.models import Automation, Freeze
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import ReplayItem
from slos.budgets.sweep import sweep_rollups
from slos.facts import News, raise_facts
from slos.models import Decision, Policy, QueueGauge, ShareLink, Slo
from slos.policy.rules import PUBLISHED
from slos.policy.sweep import sweep_policies
from slos.reports import links
from slos.reports import operations as reports
from slos.runs.engine import Step
from slos.states import FactKind
from tests.factories import policy as make
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import make_person, make_team
from tests.factories.replay import make_target, store
from tests.factories.runs import make_run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
BACKEND = "opsportal.identity.backends.PersonBackend"


class House:
    """A hot automation of RevOps, frozen since this morning; and five people."""

    def __init__(self) -> None:
        revops, support = make_team("revops"), make_team("support")
        self.owner = make_person("owner", team=revops)
        self.teammate = make_person("teammate", team=revops)
        self.outsider = make_person("outsider", team=support)
        self.leader = make_person("leader", roles=[Role.VIEWER])
        self.ops_lead = make_person("opslead", roles=[Role.OPS_LEAD], team=support)
        self.automation: Automation = make_automation("lead-router", team=revops, owner=self.owner)
        self.slo: Slo = make.make_slo(self.automation, "lead-router-availability")
        today = clock.now().date()
        make.burn_days(self.slo, today - DAY, *[0.5] * 20, 3, 3, 3)
        make.published()
        make.look_until(clock.now())
        sweep_policies(clock.now())
        self.freeze = Freeze.objects.get()
        self.decision = Decision.objects.get(verdict="freeze")


@pytest.fixture
def house() -> House:
    return House()


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend=BACKEND)
    return client


FOUR = ["owner", "teammate", "outsider", "leader", "ops_lead"]


@pytest.mark.parametrize("who", FOUR)
def test_who_sees_what_was_decided(house: House, who: str):
    client, may_see = signed_in(getattr(house, who)), who != "outsider"
    page = client.get("/policy/")
    assert page.status_code == 200
    assert (b"Lead router" in page.content) is may_see
    assert client.get(f"/policy/decisions/{house.decision.pk}/").status_code == (200 if may_see else 404)
    assert client.get(f"/policy/freezes/{house.freeze.pk}/").status_code == (200 if may_see else 404)
    assert (b"Lead router" in client.get("/policy/decisions/").content) is may_see
    assert (b"Lead router" in client.get("/policy/dry-run/?policy=error-budget-policy&days=30").content) is may_see
    assert (b"Lead router" in client.get("/budgets/").content) is may_see
    assert client.get("/executive/").status_code == 200
    assert client.get("/debug/").status_code == (403 if who == "leader" else 200)


@pytest.mark.parametrize(
    ("who", "may_ask"),
    [("owner", True), ("teammate", False), ("outsider", None), ("leader", False), ("ops_lead", True)],
)
def test_who_asks_to_set_a_freeze_aside(house: House, who: str, may_ask: bool | None):
    client = signed_in(getattr(house, who))
    url = f"/policy/freezes/{house.freeze.pk}/"
    if may_ask is not None:
        assert (b"Ask a second person" in client.get(url).content) is may_ask
    zone = ZoneInfo(getattr(house, who).timezone)
    until = (clock.now() + 2 * DAY).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
    response = client.post(f"{url}override/", {"until": until, "reason": "The fair"})
    assert response.status_code == {True: 302, False: 403, None: 404}[may_ask]
    assert Approval.objects.count() == (1 if may_ask else 0)


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 403), ("teammate", 403), ("outsider", 404), ("leader", 302), ("ops_lead", 403)]
)
def test_leadership_commits_on_the_page(house: House, who: str, status: int):
    client = signed_in(getattr(house, who))
    url = f"/policy/freezes/{house.freeze.pk}/"
    assert client.post(f"{url}acknowledge/", {"commitment": "Stability first"}).status_code == status
    house.freeze.refresh_from_db()
    assert house.freeze.commitment == ("Stability first" if status == 302 else "")


def test_the_page_offers_the_other_freezes_over_the_same(house: House):
    own = make_freeze(scope="automation", automation=house.automation, now=clock.now() - DAY, days=9)
    client, url = signed_in(house.ops_lead), f"/policy/freezes/{house.freeze.pk}/"
    assert f"Freeze {own.pk} of" in client.get(url).content.decode()
    until = (clock.now() + DAY).strftime("%Y-%m-%dT%H:%M")
    answer = client.post(f"{url}override/", {"until": until, "reason": "The fair", "also": [str(own.pk)]})
    assert answer.status_code == 302, answer.content.decode()
    assert Approval.objects.get().shown["also"][0]["freeze"] == own.pk


def test_a_wrong_end_is_told_at_its_field(house: House):
    response = signed_in(house.owner).post(
        f"/policy/freezes/{house.freeze.pk}/override/", {"until": "2020-01-01T00:00", "reason": "x"}
    )
    assert response.status_code == 422
    assert b"It ends in the future" in response.content


def test_the_decision_shows_its_evidence_and_that_it_replays(house: House):
    page = signed_in(house.owner).get(f"/policy/decisions/{house.decision.pk}/").content.decode()
    assert "Judged again just now from the stored inputs, it comes out the same." in page
    assert "3 complete days in a row above a burn of 2" in page


def test_the_dry_run_page_says_when_a_verdict_changed(house: House):
    page = signed_in(house.leader).get("/policy/dry-run/?policy=error-budget-policy&days=30").content.decode()
    assert "When a verdict changed" in page
    assert Decision.objects.filter(verdict="freeze").count() == 1
    assert signed_in(house.leader).get("/policy/dry-run/?policy=error-budget-policy&days=9999").status_code == 400


def test_leadership_reads_one_sentence_a_workflow(house: House):
    page = signed_in(house.leader).get("/budgets/").content.decode()
    assert "It may fail 115 times in 28 days; it has failed 85 times." in page
    assert "new features wait" in page
    assert "RateLimit" not in page
    assert "Timeout" not in page


def test_the_fastest_burn_is_shown_though_another_target_of_the_workflow_stands_worse(house: House):
    used_up = make.make_slo(house.automation, "lead-router-delivery", name="Delivery")
    make.burn_days(used_up, clock.now().date() - 8 * DAY, 30)  # nothing is left of it, and nothing burns since
    leader = signed_in(house.leader)
    assert "used up" in leader.get("/budgets/").content.decode()
    page = leader.get("/executive/").content.decode()
    assert "Nothing burns" not in page
    assert 'href="/slos/lead-router-availability/"' in page


def test_one_workflow_is_one_workflow(house: House):
    page = " ".join(signed_in(house.leader).get("/budgets/").content.decode().split())
    assert ">workflow<" in page
    assert ">workflows<" not in page


def test_from_what_failed_one_goes_on_to_the_run_its_trace_and_runs_like_it(house: House):
    now = clock.now().replace(microsecond=0)
    steps = [Step(name="Fetch", duration=0.3), Step(name="Enrich", status="failed", duration=4)]
    run = make_run(
        house.automation,
        ended=now - timedelta(hours=2),
        now=now,
        status="failed",
        error_type="Rate limit",
        correlation_id="0af7651916cd43dd8448eb211c80319c",
        steps=steps,
    )
    QueueGauge.objects.create(automation=house.automation, depth=7, oldest_age_seconds=5_400, reported_at=now)
    sweep_rollups(clock.now())
    page = signed_in(house.owner).get("/debug/").content.decode()
    assert f'href="/runs/{run.pk}/"' in page
    assert 'href="/trace/0af7651916cd43dd8448eb211c80319c/"' in page
    assert "/runs/?automation=lead-router&amp;status=failed&amp;error_type=Rate%20limit&amp;since=" in page
    assert "oldest 1 h 30 min" in page
    assert page.index("Enrich") < page.index("Fetch")
    assert "median 4 s" in page


# --- the policy itself ---


def test_leadership_reads_how_often_automations_broke_down(house: House):
    now = clock.now()
    for number, (kind, age) in enumerate([("silence", 0), ("run_stuck", 9), ("burn", 9), ("heartbeat_down", 40)]):
        news = News(f"n{number}", FactKind(kind), "Broken.", now - age * DAY, house.automation)
        raise_facts([news], now=now)
    page = signed_in(house.leader).get("/executive/").content.decode()
    assert re.search(r"Disruptions.*?>2<.*?1 in the 28 days before", page, re.DOTALL)


def test_the_debug_page_counts_dead_letters_and_leads_to_them(house: House):
    given_up, in_doubt, waiting = store(make_target(), "a", "b", "c", automation="lead-router")
    ReplayItem.objects.filter(pk=given_up.pk).update(state="dead")
    ReplayItem.objects.filter(pk=in_doubt.pk).update(state="in_doubt")
    page = signed_in(house.ops_lead).get("/debug/").content.decode()
    assert '<a href="/replay/?automation=lead-router&amp;state=undecided">2</a>' in page


def test_an_ops_lead_puts_the_published_policy_in_force_and_retires_it():
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    assert "Put the published policy in force" in client.get("/policy/").content.decode()
    client.post("/policy/publish/")
    policy = Policy.objects.get()
    assert (policy.slug, policy.state) == ("error-budget-policy", "active")
    assert "Put the published policy in force" not in client.get("/policy/").content.decode()
    client.post("/policy/error-budget-policy/retire/", {"reason": ""})
    policy.refresh_from_db()
    assert policy.state == "active"  # nobody said why
    client.post("/policy/error-budget-policy/retire/", {"reason": "Another one follows"})
    policy.refresh_from_db()
    assert policy.state == "retired"


def test_a_draft_is_put_in_force_on_the_page():
    make.make_policy("strict", [PUBLISHED[0]], state="draft")
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    assert "Put in force" in client.get("/policy/").content.decode()
    client.post("/policy/strict/activate/")
    assert Policy.objects.get().state == "active"


@pytest.mark.parametrize(("who", "status"), list(zip(FOUR, (403, 403, 403, 403, 302), strict=True)))
def test_who_retires_the_policy(house: House, who: str, status: int):
    client = signed_in(getattr(house, who))
    assert ("Retire Error budget policy" in client.get("/policy/").content.decode()) is (status == 302)
    for path in ("publish", "error-budget-policy/activate", "error-budget-policy/retire"):
        assert client.post(f"/policy/{path}/", {"reason": "x"}).status_code == status
    assert Policy.objects.get().state == ("retired" if status == 302 else "active")


# --- sharing ---


def shared(person: Person, **fields) -> tuple[ShareLink, str]:
    values = {"label": "Monday meeting", "days": 14, "now": clock.now(), **fields}
    link = reports.share_budgets(person=person, **values)
    return link, f"/shared/budgets/{links.token_of(link)}/"


def test_whoever_has_the_address_reads_the_verdicts_without_a_login(house: House):
    link, url = shared(house.leader)
    response = Client().get(url)
    page = response.content.decode()
    assert response.status_code == 200
    assert "Lead router" in page
    assert 'href="/slos/' not in page
    assert 'href="/policy/' not in page
    assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert "no-store" in response["Cache-Control"]
    Client().get(url)
    link.refresh_from_db()
    assert link.opened_count == 2
    told = [entry.action for entry in audit.entries_of("share", str(link.pk))]
    assert told == ["share.created", "share.opened"]  # the second visit within the hour is counted, not told


def test_it_shows_what_its_author_may_see(house: House):
    assert "Lead router" not in Client().get(shared(house.outsider)[1]).content.decode()


def test_an_expired_link_shows_nothing(house: House):
    _, url = shared(house.leader, now=clock.now() - 15 * DAY)
    assert Client().get(url).status_code == 404


def test_a_revoked_link_shows_nothing(house: House):
    link, url = shared(house.leader)
    assert signed_in(house.leader).post(f"/budgets/shares/{link.pk}/revoke/").status_code == 302
    assert Client().get(url).status_code == 404
    assert "share.revoked" in [entry.action for entry in audit.entries_of("share", str(link.pk))]


@pytest.mark.parametrize(("who", "status"), [("owner", 403), ("outsider", 403), ("leader", 302), ("ops_lead", 302)])
def test_who_revokes_a_link(house: House, who: str, status: int):
    link, _ = shared(house.leader)
    assert signed_in(getattr(house, who)).post(f"/budgets/shares/{link.pk}/revoke/").status_code == status


def test_a_link_of_somebody_who_left_shows_nothing(house: House):
    _, url = shared(house.leader)
    house.leader.is_active = False
    house.leader.save()
    assert Client().get(url).status_code == 404


@pytest.mark.parametrize("change", ["", "x", "flip", "other"])
def test_a_forged_address_shows_nothing(house: House, change: str):
    link, url = shared(house.leader)
    token = links.token_of(link)
    key, signature = token.split(":")
    forged = {
        "": key,
        "x": f"{token}x",
        "flip": f"{key}:{signature[::-1]}",
        "other": f"{'0' * 32}:{signature}",
    }[change]
    assert Client().get(f"/shared/budgets/{forged}/").status_code == 404


def test_making_a_link_on_the_page(house: House):
    client = signed_in(house.leader)
    assert client.post("/budgets/shares/", {"label": "Board", "days": "91"}).status_code == 422
    assert client.post("/budgets/shares/", {"label": "Board", "days": "7"}).status_code == 302
    link = ShareLink.objects.get()
    assert links.token_of(link) in client.get("/budgets/").content.decode()
    assert links.token_of(link) not in signed_in(house.ops_lead).get("/budgets/").content.decode()


# --- what a page costs ---


@pytest.mark.parametrize("url", ["/policy/", "/budgets/", "/executive/", "/debug/", "/policy/decisions/"])
def test_a_page_costs_at_most_a_dozen_queries_whatever_there_is(house: House, url: str, django_assert_max_num_queries):
    for _ in range(30):
        slo = make.make_slo(make_automation(team=house.automation.team))
        make.burn_days(slo, clock.now().date() - DAY, 1, 2, 3)
    sweep_rollups(clock.now())
    sweep_policies(clock.now())
    client = signed_in(house.ops_lead)
    client.get(url)
    with django_assert_max_num_queries(12):
        response = client.get(url)
    assert response.status_code == 200
    assert len(response.content) < 100_000, len(response.content)


def test_without_anything_the_pages_say_so():
    client = signed_in(make_person(roles=[Role.OPS_LEAD]))
    make.look_until(clock.now())
    for url in ("/policy/", "/budgets/", "/executive/", "/debug/", "/policy/decisions/", "/policy/dry-run/"):
        assert client.get(url).status_code == 200
    assert b"No policy is in force" in client.get("/policy/").content
