"""The pages of the library: who sees what, writing with preview, review and publication, what is wrong."""

import io
import re
import zipfile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.executions import operations as executions
from runbooks.library import operations, queries, starters
from runbooks.models import Runbook, StepReport
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text, make_published, make_runbook, save
from tests.runbooks.test_library_hostile import HOSTILE, Findings

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, Person]:
    revops = make_team("revops")
    owner = make_person("owner", team=revops, roles=[Role.VIEWER])
    make_automation("lead-router", name="Lead Router", owner=owner, team=revops, tier="P0")
    return {
        "owner": owner,
        "teammate": make_person("teammate", team=revops),
        "outsider": make_person("outsider", team=make_team("support")),
        "leader": make_person("leader", roles=[Role.VIEWER]),
        "lead": make_person("lead", roles=[Role.OPS_LEAD]),
    }


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def text_of(person: Person, url: str, status: int = 200) -> str:
    answer = signed_in(person).get(url)
    assert answer.status_code == status, url
    return answer.content.decode()


def body_of(page: str) -> str:
    return "".join(re.findall(r'<article class="prose[^>]*>(.*?)</article>', page, re.DOTALL))


PAGES = ("", "revisions/", "revisions/1/", "file.md", "edit/", "validate/", "steps/tell-sales/wrong/", "retire/")


@pytest.mark.parametrize(
    ("who", "statuses"),
    [
        ("teammate", [200, 200, 200, 200, 200, 200, 200, 403]),
        ("lead", [200] * 8),
        ("owner", [200, 200, 200, 200, 200, 200, 200, 403]),
        ("outsider", [404] * 8),
        ("leader", [200, 200, 200, 200, 403, 403, 403, 403]),
    ],
)
def test_who_opens_what(people: dict[str, Person], who: str, statuses: list[int]):
    make_published("router", text=a_text(automation="lead-router"), publisher=people["lead"])
    client = signed_in(people[who])
    assert [client.get(f"/runbooks/router/{page}").status_code for page in PAGES] == statuses
    listed = "/runbooks/router/" in text_of(people[who], "/runbooks/")
    assert listed is (who != "outsider")


def test_a_draft_is_not_shown_to_leadership(people: dict[str, Person]):
    runbook = make_published("router", publisher=people["lead"])
    save(runbook, a_text("Secret plan"), people["teammate"])
    make_runbook("fresh", text=a_text("Fresh"))
    assert "Secret plan" not in text_of(people["leader"], "/runbooks/router/revisions/")
    for url in ("/runbooks/router/revisions/2/", "/runbooks/fresh/", "/runbooks/router/revisions/1/?against=2"):
        text_of(people["leader"], url, 404)


def test_a_page_tells_what_it_is_for_and_whether_it_can_be_relied_on(people: dict[str, Person]):
    make_published("router", text=a_text(automation="lead-router"), publisher=people["lead"])
    page = text_of(people["teammate"], "/runbooks/router/")
    for words in ("Never gone through", "lead-router", "P0, owned by", "Pause the router.", "7 steps"):
        assert words in page, words
    assert 'id="step-pause-the-router"' in page
    assert "Runbooks" in text_of(people["teammate"], "/automations/lead-router/")


def test_the_list_says_first_whether_the_runbooks_can_be_relied_on(people: dict[str, Person]):
    assert "What to do when something breaks" in text_of(people["lead"], "/runbooks/")
    runbook = make_published("router")
    assert "nobody has found one that does not hold" in text_of(people["lead"], "/runbooks/")
    make_runbook("other")
    Runbook.objects.filter(pk=runbook.pk).update(stale_at=NOW)
    assert "2 runbooks: 1 is stale, 1 is a draft so far." in text_of(people["lead"], "/runbooks/")


def test_a_text_is_previewed_saved_reviewed_and_published(people: dict[str, Person]):
    teammate, lead = signed_in(people["teammate"]), signed_in(people["lead"])
    typed = a_text(automation="lead-router").replace("\n", "\r\n")
    body = {"slug": "router", "text": typed, "note": "First", "step": "preview"}
    previewed = teammate.post("/runbooks/new/", body).content.decode()
    assert "It can be published" in previewed
    assert not Runbook.objects.exists()
    assert teammate.post("/runbooks/new/", {**body, "step": "save"}).status_code == 302
    runbook = Runbook.objects.get()
    assert queries.get_newest(runbook).text == a_text(automation="lead-router")
    assert teammate.post("/runbooks/router/publish/", {}).status_code == 403
    assert teammate.post("/runbooks/router/review/", {"reason": "Please"}).status_code == 302
    assert "waits for a second person" in text_of(people["lead"], "/runbooks/router/")
    assert lead.post("/runbooks/router/publish/", {}).status_code == 302
    assert queries.get_published(runbook).published_by == people["lead"]


def test_a_preview_tells_what_is_missing_at_which_line(people: dict[str, Person]):
    text = a_text(automation="nowhere", parts={key: value for key, value in PARTS.items() if key != "Rollback"})
    page = signed_in(people["teammate"]).post("/runbooks/new/", {"slug": "x", "text": text, "step": "preview"})
    shown = page.content.decode()
    assert "2 things keep it from being published" in shown
    assert "Line 4: There is no such thing as an automation “nowhere”." in shown
    assert "The part “Rollback” is missing." in shown


def test_who_saves_over_somebody_sees_both_and_loses_nothing(people: dict[str, Person]):
    runbook = make_runbook("router")
    save(runbook, a_text("Theirs"))
    body = {"text": a_text("Mine"), "base": 1, "step": "save"}
    answer = signed_in(people["lead"]).post("/runbooks/router/edit/", body)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "was saved meanwhile" in page
    assert "<del>title: Theirs</del>" in page
    assert "title: Mine" in page
    assert 'name="base" value="2"' in page
    assert signed_in(people["lead"]).post("/runbooks/router/edit/", {**body, "base": 2}).status_code == 302


def test_revisions_stand_side_by_side_and_an_earlier_one_can_be_taken_again(people: dict[str, Person]):
    runbook = make_published("router", publisher=people["lead"])
    save(runbook, a_text("Second", automation="lead-router"), people["teammate"])
    page = text_of(people["lead"], "/runbooks/router/revisions/2/")
    assert "<del>title: Lead Router</del>" in page
    assert "<ins>automation: lead-router</ins>" in page
    save(runbook, a_text("Third"), people["teammate"])
    assert signed_in(people["lead"]).post("/runbooks/router/revisions/1/again/").status_code == 302
    assert queries.get_newest(runbook).text == a_text()


def test_a_step_is_said_to_be_wrong_and_answered(people: dict[str, Person]):
    make_published("router", publisher=people["lead"])
    client = signed_in(people["teammate"])
    assert client.post("/runbooks/router/steps/tell-sales/wrong/", {"words": "Which channel?"}).status_code == 302
    page = text_of(people["lead"], "/runbooks/router/")
    assert "Which channel?" in page
    assert "1 step is said to be wrong" in page
    report = StepReport.objects.get()
    url = f"/runbooks/router/reports/{report.pk}/"
    assert client.post(url, {"resolution": ""}).status_code == 422
    assert client.post(url, {"resolution": "#sales-leads"}).status_code == 302
    assert "Which channel?" not in text_of(people["lead"], "/runbooks/router/")


def test_going_through_it_is_recorded_and_shown(people: dict[str, Person]):
    make_published("router", publisher=people["lead"])
    client = signed_in(people["teammate"])
    assert client.post("/runbooks/router/validate/", {"how": "drill", "holds": "no"}).status_code == 422
    client.post("/runbooks/router/validate/", {"how": "drill", "holds": "no", "note": "Step 2"})
    assert "stale" in text_of(people["lead"], "/runbooks/?state=stale")
    client.post("/runbooks/router/validate/", {"how": "drill", "holds": "yes"})
    assert "Found to hold" in text_of(people["lead"], "/runbooks/router/")


def test_hostile_text_is_harmless_on_the_page_and_in_the_preview(people: dict[str, Person]):
    client = signed_in(people["lead"])
    for number, line in enumerate(HOSTILE):
        text = a_text(parts=PARTS | {"Signals": line, "Remediation": f"1. {line}\n2. Next"})
        preview = client.post("/runbooks/new/", {"slug": "x", "text": text, "step": "preview"}).content.decode()
        make_runbook(f"hostile-{number}", text=text)
        for page in (preview, client.get(f"/runbooks/hostile-{number}/").content.decode()):
            assert body_of(page)
            assert Findings(body_of(page)).found == [], line
            for raw in (
                "<script>alert",
                "<img src=x",
                "<iframe",
                "<svg/",
                "<svg>",
                '<a href="javascript:',
                '<a href="data:',
            ):
                assert raw not in page, line


@pytest.mark.parametrize(
    ("address", "is_link"),
    [
        ("https://www.notion.so/a", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("http://example.org", False),
    ],
)
def test_only_a_whole_address_becomes_the_link_to_notion(people: dict[str, Person], address: str, is_link: bool):
    make_runbook("linked", text=a_text(notion=f'"{address}"'))
    page = text_of(people["lead"], "/runbooks/linked/")
    assert ("In Notion" in page) is is_link
    assert (f'href="{address}"' in page) is is_link


@pytest.mark.parametrize("starter", starters.STARTERS)
def test_a_starter_can_be_published_once_it_is_filled_in(people: dict[str, Person], starter: starters.Starter):
    page = text_of(people["teammate"], f"/runbooks/new/?from={starter.name}")
    assert starter.title in page
    text = starters.get(starter.name, automation="lead-router").text
    if starter.slug:
        assert "Remediation" in text
    else:
        text = text.replace("title:", "title: Filled in", 1).replace("rule: \n", "")
    preview = signed_in(people["lead"]).post("/runbooks/new/", {"slug": "x", "text": text, "step": "preview"})
    found = re.findall(r"Line \d+: [^<]*", preview.content.decode())
    assert found == []


def test_files_are_looked_at_before_they_are_written(people: dict[str, Person]):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("p0/router.md", a_text())
        archive.writestr("bad.md", b"\xff")
    client = signed_in(people["lead"])

    def send(step: str) -> str:
        file = io.BytesIO(target.getvalue())
        file.name = "books.zip"
        return client.post("/runbooks/import/", {"file": file, "step": step}).content.decode()

    assert "1 new runbook, 0 changed, 1 refused" in send("look")
    assert not Runbook.objects.exists()
    assert "Written as drafts" in send("write")
    assert Runbook.objects.get().path == "p0/router.md"
    file = io.BytesIO(b"no zip")
    file.name = "x.zip"
    assert client.post("/runbooks/import/", {"file": file}).status_code == 422


def test_the_zip_holds_what_one_may_see(people: dict[str, Person]):
    make_published("router", text=a_text(automation="lead-router"), publisher=people["lead"], path="p0/router.md")
    make_published("general", text=a_text("General"), publisher=people["lead"])

    def names(who: str, query: str = "") -> list[str]:
        raw = signed_in(people[who]).get(f"/runbooks/export.zip{query}").content
        return zipfile.ZipFile(io.BytesIO(raw)).namelist()

    assert names("teammate") == ["general.md", "p0/router.md"]
    assert names("outsider") == ["general.md"]
    assert names("leader", "?form=notion") == ["General.md", "Lead Router.md"]


def test_a_playbook_becomes_a_runbook(people: dict[str, Person]):
    make_published("vendor", text=a_text("Vendor degraded", kind="playbook"), publisher=people["lead"])
    client = signed_in(people["teammate"])
    assert client.post("/runbooks/vendor/derive/", {"slug": "crm", "title": "CRM down"}).status_code == 302
    page = text_of(people["teammate"], "/runbooks/crm/")
    assert "Derived from" in page
    assert "Runbook out of it" in text_of(people["teammate"], "/runbooks/vendor/")


@pytest.mark.parametrize("url", [f"/runbooks/{path}" for path in ("", "router/", "router/revisions/", "executions/")])
def test_more_rows_cost_no_more_statements(people: dict[str, Person], url: str):
    def fill(number: int) -> None:
        runbook = make_published(f"more-{number}", text=a_text(f"More {number}", automation="lead-router"))
        revision = queries.get_published(runbook)
        operations.report_step(revision, key="tell-sales", words="No", person=people["lead"], actor=SETUP, now=NOW)
        executions.start_execution(runbook, reason="x", person=people["lead"], actor=SETUP, now=NOW)

    make_published("router", text=a_text(automation="lead-router"), publisher=people["lead"])
    fill(0)
    client = signed_in(people["lead"])
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        answer = client.get(url)
    for number in range(1, 4):
        fill(number)
    save(Runbook.objects.get(slug="router"), a_text("Later", automation="lead-router"))
    with CaptureQueriesContext(connection) as more:
        client.get(url)
    assert len(answer.content) < 100_000
    # A draft asks besides who may publish it.
    assert len(more) <= len(few) + 4, [one["sql"][:120] for one in more.captured_queries]
    assert len(few) <= 24
