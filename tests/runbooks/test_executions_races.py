"""Several people at the same step at the same time: its button is pressed once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections

from opsportal.audit.models import Entry
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_for
from opsportal.identity.roles import Role
from runbooks.executions import operations
from runbooks.models import ExecutionStep
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, make_person
from tests.factories.library import PARTS, a_text, make_published

PRESSING = 4


@pytest.mark.django_db(transaction=True)
def test_a_button_pressed_by_several_at_once_does_it_once():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time; there is no race to win")
    lead = make_person(roles=[Role.OPS_LEAD])
    automation = make_automation("lead-router", owner=lead, active=True, fallback="Hourly batches")
    pause = "1. Stop.\n\n   ```action\n   do: fallback-on\n   automation: lead-router\n   ```"
    runbook = make_published(text=a_text(parts=PARTS | {"Remediation": pause}, automation="lead-router"))
    who = {"person": lead, "actor": actor_for(lead), "now": NOW}
    execution = operations.start_execution(runbook, reason="Limit", **who)
    together = Barrier(PRESSING)

    def press(_: int) -> str:
        try:
            step = ExecutionStep.objects.select_related("execution").get(execution=execution, section="remediation")
            together.wait(timeout=20)
            operations.run_step(step, reason="Limit", confirmed=True, **who)
            return "ran"
        except DomainError as refused:
            return refused.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(PRESSING) as pool:
        outcomes = sorted(pool.map(press, range(PRESSING)))
    assert outcomes == ["has_run"] * (PRESSING - 1) + ["ran"]
    assert Entry.objects.filter(action="automation.fallback_on", subject_id=automation.slug).count() == 1
