"""The demo's history: lived through the real operations, believable, and the same each time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.test import override_settings

from handoffs.models import Handoff, Rule, StageFiring
from opsportal.audit.models import Entry
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.models import Delivery, Message
from opsportal.workbench.demo import cast, company
from opsportal.workbench.demo.history import History
from opsportal.workbench.demo.leads import BERLIN, Lead, Leads

pytestmark = pytest.mark.django_db

END = datetime(2026, 3, 12, 10, tzinfo=UTC)  # a Thursday
DAYS = 16


@pytest.fixture(scope="module")
def history(django_db_setup, django_db_blocker):
    """Two weeks and two days, lived once for all tests of this file; taken back at the end."""
    start = END - timedelta(days=DAYS)
    # As the launcher sets it: while history is written there is no way out.
    no_way_out = override_settings(SLACK_BOT_TOKEN="", EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend")
    with no_way_out, django_db_blocker.unblock(), transaction.atomic():
        people = cast.assemble(now=start - timedelta(days=2))
        firm = company.found(people, now=start - timedelta(days=1))
        cast.note_absences(people, now=END)
        lived = History(people, firm, start=start, end=END, seed=7)
        lived.live()
        yield lived
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _use(history):
    """Every test looks at the same past."""


def test_somebody_plays_every_role():
    roles = {role for person in Person.objects.all() for role in person.roles}
    assert roles == set(Role)
    assert {part.login for part in cast.PARTS if part.login} == {"viewer", "admin", "ops_lead", "analyst", "responder"}


def test_everybody_who_takes_leads_has_a_backup_and_a_manager():
    for username in cast.RING:
        assert Person.objects.get(username=username).manager is not None


def test_the_starter_rules_are_at_work_in_the_order_the_house_asks_for():
    first, second, third = (Rule.objects.get(slug=slug) for slug in company.RULES)
    assert {first.mode, second.mode, third.mode} == {"active"}
    assert second.shadow_at is not None
    assert second.activated_at - first.activated_at >= timedelta(days=7)
    assert first.terms.sla_minutes == 30
    assert second.terms.stop_clock == "completion"


def test_most_leads_are_answered_in_time_and_some_are_not():
    stopped = Handoff.objects.filter(rule__slug=company.SPEED_TO_LEAD, business_hit__isnull=False)
    hits = stopped.filter(business_hit=True).count() / stopped.count()
    assert 0.65 < hits < 0.95
    assert stopped.filter(breached=True).exists()


def test_leads_come_by_several_channels_and_to_all_who_take_them():
    rows = Handoff.objects.filter(rule__slug=company.SPEED_TO_LEAD)
    assert rows.values("channel").distinct().count() == 5
    assert rows.values("icp").distinct().count() == 3
    assert rows.values("first_owner").distinct().count() == len(cast.RING)


def test_all_sorts_of_things_happened():
    actions = set(Entry.objects.values_list("action", flat=True).distinct())
    expected = "created responded completed cancelled paused resumed alerted breached reassigned notified reason_tagged"
    assert {f"handoff.{word}" for word in expected.split()} <= actions


def test_nothing_is_due_that_the_sweep_would_not_have_fired_by_then():
    assert not Handoff.objects.filter(next_fire_at__lte=END - timedelta(seconds=10)).exists()
    late = StageFiring.objects.filter(fired_at__gt=F("scheduled_at") + timedelta(seconds=10))
    assert not late.exclude(handoff__late_on_arrival=True).exists()


def test_nothing_happened_after_the_end_and_every_entry_has_its_trace():
    assert not Entry.objects.filter(at__gt=END).exists()
    assert not Entry.objects.filter(subject_type="handoff", trace_id="").exists()


def test_history_told_inboxes_and_nobody_outside():
    assert Message.objects.exists()
    assert not Delivery.objects.exists()


def test_the_night_is_quiet_and_the_weekend_too():
    rows = Handoff.objects.filter(rule__slug=company.SPEED_TO_LEAD).values_list("started_at", flat=True)
    local = [at.astimezone(BERLIN) for at in rows]
    assert sum(at.weekday() >= 5 for at in local) < len(local) * 0.15
    assert sum(9 <= at.hour < 18 for at in local) > len(local) * 0.6


def test_the_same_seed_makes_the_same_leads():
    from random import Random

    def leads() -> list[Lead]:
        return Leads(Random(3), cast.RING).of_day(datetime(2026, 3, 2, tzinfo=BERLIN), 20)

    assert leads() == leads()
