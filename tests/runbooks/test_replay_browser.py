"""The pages of the replay queue in a real browser: nothing the policy blocks, nothing axe finds."""

from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.identity.roles import Role
from runbooks.models import ReplayItem, TargetHealth
from runbooks.queue import claims, recording
from runbooks.queue.engine.outcomes import Kind, Outcome
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.replay import let_go, make_target, store

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lead(visitor):
    """An ops lead before a queue with something in every state that takes a person, and a target that fails."""
    now = clock.now()
    person = make_person("lee", roles=[Role.OPS_LEAD], team=make_team("revops"), timezone="Europe/Berlin")
    automation = make_automation("lead-router", name="Lead Router", owner=person, team=person.team, active=True)
    target = make_target(slug="crm", name="CRM leads", automation=automation)
    make_target(slug="billing", name="Billing")
    payload = {"email": "ann@example.org", "phone": "+49 170 1234567", "stage": "won"}
    items = store(
        target,
        "lead-1",
        "lead-1",
        *"abcdefg",
        now=now - timedelta(hours=3),
        payload=payload,
        error_type="RateLimit",
        error_message="429 Too Many Requests",
        correlation_id="trace-1",
    )
    ReplayItem.objects.filter(pk__in=[item.pk for item in items[3:]]).update(state="dead", last_error="HTTP 422")
    let_go(items[:3], now=now)
    claimed = claims.claim(target, limit=2, now=now)
    answers = {
        items[0].pk: Outcome(Kind.UNCLEAR, "timeout", answer="timeout: no answer in time", duration_ms=10_000),
        items[2].pk: Outcome(Kind.DELIVERED, "delivered", 200, '{"ok":true}', duration_ms=84),
    }
    recording.record(target, [(one, answers[one.item_id]) for one in claimed], now)
    open_until = {"opened_at": now, "probe_at": now + timedelta(minutes=4)}
    TargetHealth.objects.filter(pk=target.pk).update(failures=7, last_error="HTTP 503", openings=1, **open_until)
    visitor.sign_in(person)
    return visitor, items


def addresses(items: list[ReplayItem]) -> dict[str, str]:
    return {
        "list": "/replay/",
        "in-doubt": f"/replay/items/{items[0].pk}/",
        "behind": f"/replay/items/{items[1].pk}/",
        "delivered": f"/replay/items/{items[2].pk}/",
        "targets": "/replay/targets/",
        "target": "/replay/targets/crm/",
        "target-edit": "/replay/targets/crm/edit/",
    }


@pytest.mark.parametrize("name", ["list", "in-doubt", "behind", "delivered", "targets", "target", "target-edit"])
def test_the_page_is_clean_everywhere(lead, name: str):
    visitor, items = lead
    visitor.open(addresses(items)[name])
    visitor.check()
    visitor.screenshot(f"replay-{name}")
