"""Facts of each room that reports any, and the part of the sweep that tells of them."""

from datetime import datetime

from handoffs.models import Fact as HandoffFact
from opsportal.facts.sweep import sweep_unclaimed
from slos.facts import News, raise_facts
from slos.models import Fact as SloFact
from slos.states import FactKind
from slos.telling import sweep_over
from tests.factories.catalog import make_automation
from tests.factories.handoffs import make_handoff, sweep
from tests.factories.identity import make_person


def escalate_handoff(at: datetime) -> HandoffFact:
    """Of a handoff whose timer has run out by half again, unanswered."""
    lead = make_handoff()
    sweep(at)
    return HandoffFact.objects.get(handoff=lead, kind="escalation")


def go_silent(at: datetime) -> SloFact:
    """Of an automation with an owner."""
    automation = make_automation(owner=make_person())
    news = News("fact 1", FactKind.HEARTBEAT_DOWN, "It is silent.", occurred_at=at, automation=automation)
    raise_facts([news], now=at)
    return SloFact.objects.get()


def tell_of_facts(at: datetime) -> None:
    """Of what nobody took up, and of what is over."""
    sweep_unclaimed(at)
    sweep_over(at)
