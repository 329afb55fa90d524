"""The pages of objectives and facts in a real browser: nothing the policy blocks, nothing axe finds."""

from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from slos.alarms.sweep import sweep_burns
from slos.objectives import operations
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.objectives import make_slo
from tests.factories.runs import a_run, make_runs

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lead(visitor):
    """An ops lead before an SLO that has burnt its budget."""
    person = make_person("lee", roles=[Role.OPS_LEAD], team=make_team("revops"), timezone="Europe/Berlin")
    now = clock.now()
    automation = make_automation("lead-router", owner=person, team=person.team, tier="P1", active=True)
    slo = make_slo("router", automation=automation, target="99", description="Leads wait.")
    broken = set(range(0, 60, 9))
    runs = [
        a_run(
            automation,
            ended=now - timedelta(minutes=1 + 10 * n),
            status="failed" if n in broken else "succeeded",
            error_type="RateLimit" if n in broken else "",
            version="v12",
        )
        for n in range(120)
    ]
    make_runs(runs, now=now)
    for hours in (-5, 5):
        operations.exclude(
            slo=slo,
            from_at=now + timedelta(hours=hours),
            until=now + timedelta(hours=hours + 1),
            reason="CRM upgrade",
            author=person,
            actor=actor_for(person),
            now=now,
        )
    sweep(now)
    sweep_burns(now)
    visitor.sign_in(person)
    return visitor


@pytest.mark.parametrize(
    "path",
    [
        "/slos/",
        "/slos/router/?target=95",
        "/slos/new/",
        "/slos/router/edit/",
        "/slos/router/exclusions/new/",
        "/slos/router/retire/",
        "/facts/",
        "/facts/watch/lead-router/",
        "/automations/lead-router/",
    ],
)
def test_a_page_keeps_its_promises(lead, path: str):
    lead.open(path)
    lead.check()
