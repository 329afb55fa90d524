"""The pages of objectives: what is seen in five seconds, who writes, what the arithmetic sums to."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.approvals.models import Approval
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.models import Exclusion, Slo
from slos.objectives import pages, starters
from slos.objectives.checking import check_definition
from slos.objectives.document import from_document
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.objectives import make_slo
from tests.factories.runs import a_run, make_runs

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def owner() -> Person:
    return make_person("owner", team=make_team("revops"))


@pytest.fixture
def slo(owner: Person) -> Slo:
    """200 runs of the last day, 4 of them failed: 1% would be allowed."""
    automation = make_automation("lead-router", name="Lead Router", owner=owner, team=owner.team, active=True)
    slo = make_slo("router", name="Router succeeds", automation=automation, target="99")
    now = clock.now()
    errors = {3: "RateLimit", 50: "RateLimit", 90: "RateLimit", 130: "Timeout"}
    make_runs(
        [
            a_run(
                automation,
                ended=now - 5 * MINUTE * (n + 1),
                seconds=20,
                version="v12" if n < 60 else "v11",
                status="failed" if n in errors else "succeeded",
                error_type=errors.get(n, ""),
            )
            for n in range(200)
        ],
        now=now,
    )
    sweep(now)
    return slo


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def text_of(person: Person, url: str, status: int = 200) -> str:
    answer = signed_in(person).get(url)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_list_tells_how_each_budget_stands(slo: Slo, owner: Person):
    page = text_of(owner, "/slos/")
    for words in ("Router succeeds", "Lead Router", "99%", "used up", "−100%"):
        assert words in page
    rows = list(csv.DictReader(io.StringIO(signed_in(owner).get("/slos/?format=csv").getvalue().decode("utf-8-sig"))))
    assert (rows[0]["Name"], rows[0]["Target"], rows[0]["Verdict"], rows[0]["Budget left"]) == (
        "Router succeeds", "99", "used up", "'-1",
    )  # fmt: skip


def test_the_page_tells_verdict_causes_and_arithmetic(slo: Slo, owner: Person):
    page = text_of(owner, "/slos/router/")
    for words in (
        "4 of 2 failures of the error budget are used; it is overspent by 100%.",
        "RateLimit",
        "By version",
        "(bad / valid) / B",
        "bad = 4; valid = 200; B = 1%",
        "99% of the runs of Lead Router succeed, over 28 days. So 10 in 1,000 may be bad.",
        "burn 13.44 over 1 h and over 5 min",
        "Version 1: 99%",
    ):
        assert words in page, words


def test_another_target_is_tried_on_what_happened(slo: Slo, owner: Person):
    assert "With 97% this window would be within budget: 33.3% of the budget left." in text_of(
        owner, "/slos/router/?target=97"
    )
    assert "above 0 and below 100" in text_of(owner, "/slos/router/?target=100", 400)
    assert "Still good within" not in text_of(owner, "/slos/router/")


def test_another_threshold_is_asked_of_a_latency(slo: Slo, owner: Person):
    make_slo("quick", automation=slo.automation, kind="latency", target="90", threshold_seconds=60)
    sweep(clock.now())
    assert "Still good within" in text_of(owner, "/slos/quick/")
    page = text_of(owner, "/slos/quick/?target=&threshold_seconds=10")
    assert "With 10 s this window would be used up: overspent by 900%." in page
    assert "With 98% and 30 s this window would be used up: 0% of" in text_of(
        owner, "/slos/quick/?target=98&threshold_seconds=30"
    )


def test_asking_for_another_threshold_costs_little_however_many_windows_are_judged(slo: Slo, owner: Person):
    make_slo("quick", automation=slo.automation, kind="latency", target="90", threshold_seconds=60)
    sweep(clock.now())
    client = signed_in(owner)
    client.get("/slos/quick/")
    with CaptureQueriesContext(connection) as plain:
        client.get("/slos/quick/")
    with CaptureQueriesContext(connection) as asked:
        client.get("/slos/quick/?target=&threshold_seconds=10")
    assert len(asked) - len(plain) <= 7


def test_the_causes_of_each_kind_sum_to_the_spend(slo: Slo, owner: Person):
    from slos.budgets import queries as budgets
    from slos.objectives.pages import cause_tables

    now = clock.now()
    budget = budgets.budget(slo, now)
    tables = cause_tables(budgets.spend_by_cause(slo, now), budget)
    assert [(one.title, one.total) for one in tables] == [("By error class", "4"), ("By version", "4")]
    assert [(row.value, row.amount, row.percent) for row in tables[0].rows] == [
        ("RateLimit", "3", "75%"),
        ("Timeout", "1", "25%"),
    ]


def test_the_sheet_holds_the_arithmetic_of_all(slo: Slo, owner: Person):
    make_slo("draft", automation=slo.automation, state="draft")
    rows = list(csv.reader(io.StringIO(signed_in(owner).get("/slos/sheet.csv").getvalue().decode("utf-8-sig"))))
    assert rows[0] == ["SLO", "Automation", "What", "Formula", "Inputs", "Result", "Value"]
    assert ["router", "lead-router", "Consumed", "bad / allowed", "bad = 4; allowed = 2 events", "200%", "2"] in rows
    assert ["router", "lead-router", "Remaining", "1 − consumed", "consumed = 200%", "−100%", "-1"] in rows
    assert {row[0] for row in rows[1:]} == {"router", "draft"}
    own = signed_in(owner).get("/slos/router/sheet.csv").getvalue().decode("utf-8-sig")
    assert "draft" not in own


@pytest.mark.parametrize("url", ["/slos/", "/slos/router/"])
def test_a_page_reads_little_however_many_there_are(slo: Slo, owner: Person, url: str):
    client = signed_in(owner)
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as few:
        answer = client.get(url)
    for _ in range(5):
        make_slo(automation=slo.automation)
    sweep(clock.now())
    with CaptureQueriesContext(connection) as more:
        client.get(url)
    assert len(answer.content) < 100_000
    assert len(more) <= len(few)


def form_of(slug: str = "new-one", **fields: str) -> dict[str, str]:
    return {
        "name": "New one", "slug": slug, "automation": "lead-router", "kind": "availability", "method": "occurrences",
        "target": "99.5", "window_kind": "rolling", "window_days": "28", "timezone": "UTC", "step": "save", **fields,
    }  # fmt: skip


def test_the_owner_writes_one_after_a_preview(slo: Slo, owner: Person):
    client = signed_in(owner)
    preview = client.post("/slos/new/", form_of(step="preview")).content.decode()
    assert "99.5% of the runs of Lead Router succeed, over 28 days." in preview
    assert not Slo.objects.filter(slug="new-one").exists()
    assert client.post("/slos/new/", form_of()).headers["Location"] == "/slos/new-one/"
    assert Slo.objects.get(slug="new-one").state == "active"


def test_a_mistake_is_told_at_its_field(slo: Slo, owner: Person):
    answer = signed_in(owner).post("/slos/new/", form_of(kind="latency", window_days="", burn_alerts="fast"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is no alert" in page
    answer = signed_in(owner).post("/slos/new/", form_of(kind="latency", window_days=""))
    page = answer.content.decode()
    assert "Say how long is still good." in page
    assert "A rolling window is 1 to 366 days." in page


def test_an_analyst_proposes_by_the_same_form(slo: Slo, owner: Person):
    teammate = make_person("teammate", team=owner.team)
    answer = signed_in(teammate).post("/slos/router/edit/", form_of(target="99.9", name="Router succeeds"))
    assert answer.headers["Location"] == "/slos/router/"
    approval = Approval.objects.get()
    assert (approval.kind, approval.requested_by) == ("slos.definition", teammate)
    slo.refresh_from_db()
    assert slo.version == 1
    assert "waits for a second person" in text_of(owner, "/slos/router/")


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("teammate", 200), ("outsider", 404), ("leader", 403), ("opslead", 200)]
)
def test_who_opens_the_editor(slo: Slo, owner: Person, who: str, status: int):
    people = {
        "owner": owner,
        "teammate": make_person("teammate", team=owner.team),
        "outsider": make_person("outsider", team=make_team("support")),
        "leader": make_person("leader", roles=[Role.VIEWER]),
        "opslead": make_person("opslead", roles=[Role.OPS_LEAD]),
    }
    client = signed_in(people[who])
    assert client.get("/slos/router/edit/").status_code == status
    seen = 404 if who == "outsider" else 200
    assert client.get("/slos/router/").status_code == seen
    written = {200: 200, 404: 404, 403: 403}[status] if who != "teammate" else 403
    for page in ("retire", "exclusions/new"):
        assert client.get(f"/slos/router/{page}/").status_code == written


def test_time_is_left_out_and_counts_again(slo: Slo, owner: Person):
    client, now = signed_in(owner), clock.now()
    instants = {"from_at": now + timedelta(hours=1), "until": now + timedelta(hours=2)}
    stretch = {name: f"{at:%Y-%m-%dT%H:%M}" for name, at in instants.items()}
    answer = client.post("/slos/router/exclusions/new/", {**stretch, "reason": "CRM upgrade", "scope": "automation"})
    assert answer.headers["Location"] == "/slos/router/"
    exclusion = Exclusion.objects.get()
    assert (exclusion.automation, exclusion.slo) == (slo.automation, None)
    assert "CRM upgrade" in text_of(owner, "/slos/router/")
    client.post(f"/slos/router/exclusions/{exclusion.pk}/withdraw/")
    assert not Exclusion.objects.in_force().exists()


def test_the_automation_shows_its_budgets(slo: Slo, owner: Person):
    page = text_of(owner, "/automations/lead-router/")
    assert "Router succeeds" in page
    assert "overspent by 100%" in page


def test_every_starter_is_a_sound_definition():
    """Five journeys, each with an SLI of the availability kind, one of the latency kind, and one of downtime."""
    assert [one.slug for one in starters.JOURNEYS] == [
        "lead-router", "lifecycle-nurture", "deal-sync", "order-to-ship", "ticket-to-resolution",
    ]  # fmt: skip
    for journey in starters.JOURNEYS:
        make_automation(journey.slug)
        kinds = set()
        for document in starters.documents(journey):
            check_definition(document["slug"], from_document(document))
            kinds.add(document["kind"])
        assert "availability" in kinds
        assert kinds & {"latency", "freshness"}
        assert "downtime" in {document["method"] for document in starters.documents(journey)}


def test_halves_go_up_as_in_the_sentence_beside():
    assert pages.amount(207, True) == "3.5 min"
    assert pages.amount(189, True) == "3.2 min"  # 3.15
