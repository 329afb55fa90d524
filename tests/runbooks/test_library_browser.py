"""The pages of runbooks in a real browser: nothing the policy blocks, nothing axe finds."""

import pytest

from opsportal.identity.roles import Role
from runbooks.executions import operations as executions
from runbooks.library import operations, queries, starters
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text, make_published, save

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lead(visitor):
    """An ops lead before a runbook with a draft, a wrong step and a drawn month."""
    person = make_person("lee", roles=[Role.OPS_LEAD], team=make_team("revops"), timezone="Europe/Berlin")
    make_automation("lead-router", owner=person, team=person.team, tier="P0", active=True)
    signals = "| Figure | Means |\n|---|---|\n| 429 | a limit |\n\n> Quoted\n\n```\ncode\n```\n\n- a\n- b"
    parts = PARTS | {"Signals": signals}
    runbook = make_published("router", text=a_text(automation="lead-router", parts=parts), publisher=person)
    save(runbook, a_text("Lead Router II", automation="lead-router"), person)
    revision = queries.get_published(runbook)
    who = {"person": person, "actor": SETUP, "now": NOW}
    operations.report_step(revision, key="tell-sales", words="Which channel?", **who)
    operations.validate_runbook(runbook, how="drill", holds=True, **who)
    make_published("vendor", text=starters.get("vendor-degraded").text, publisher=person)
    action = "   ```action\n   do: pause-automation\n   automation: lead-router\n   ```"
    pause = f"1. Pause.\n\n   Check: it is paused.\n\n{action}"
    text = a_text("Pausing", parts=PARTS | {"Remediation": pause}, automation="lead-router")
    book = make_published("pausing", text=text, publisher=person)
    execution = executions.start_execution(book, reason="Leads are late", **who)
    first, *_, last = execution.steps.order_by("position")
    executions.tick_step(first, **who)
    executions.skip_step(last, reason="Not needed", **who)
    visitor.execution = execution.get_absolute_url()
    visitor.sign_in(person)
    return visitor


@pytest.mark.parametrize(
    "path",
    [
        "/runbooks/",
        "/runbooks/router/",
        "/runbooks/router/edit/",
        "/runbooks/router/revisions/",
        "/runbooks/router/revisions/2/",
        "/runbooks/router/steps/tell-sales/wrong/",
        "/runbooks/router/validate/",
        "/runbooks/new/",
        "/runbooks/import/",
        "/runbooks/vendor/derive/",
        "/runbooks/executions/",
        "/runbooks/toil/",
        "/runbooks/pausing/start/",
    ],
)
def test_the_page_is_clean_everywhere(lead, path: str):
    lead.open(path)
    lead.check()


def test_going_through_it_is_clean_everywhere(lead):
    lead.open(lead.execution)
    lead.check()
