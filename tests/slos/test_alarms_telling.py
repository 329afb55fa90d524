"""Who hears of a fact that nobody takes up: the owner, once; and once more when it is over."""

from datetime import timedelta

import pytest

from opsportal.catalog.models import Automation
from opsportal.identity import operations as identity
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.models import Delivery, Message
from slos.facts import News, end_facts, raise_facts
from slos.models import Fact
from slos.states import FactKind
from tests.factories.catalog import make_automation
from tests.factories.facts import tell_of_facts
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.objectives import make_slo

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DUE = NOW + 5 * MINUTE


@pytest.fixture
def owner() -> Person:
    return make_person("ana", timezone="Europe/Berlin", slack_id="U024BE7LH")


@pytest.fixture
def automation(owner: Person) -> Automation:
    backup = make_person("bruno")
    return make_automation("lead-router", owner=owner, backup_owner=backup, team=make_team("revops"), tier="P1")


def happened(automation: Automation | None, *, kind: FactKind = FactKind.HEARTBEAT_DOWN, **fields: object) -> Fact:
    news = News(key="fact 1", kind=kind, sentence="Lead router is silent.", occurred_at=NOW, automation=automation)
    raise_facts([News(**{**{name: getattr(news, name) for name in news.__slots__}, **fields})], now=NOW)
    return Fact.objects.get()


def told() -> list[tuple[str, str]]:
    rows = Message.objects.order_by("created_at", "key").values_list("recipient__username", "title")
    return [(who, title) for who, title in rows]


def test_the_owner_hears_of_it_once(automation: Automation):
    happened(automation, slo=make_slo("router", automation=automation))
    tell_of_facts(DUE - MINUTE)
    assert told() == []
    tell_of_facts(DUE)
    tell_of_facts(DUE + MINUTE)
    assert told() == [("ana", "Lead router is silent")]
    message = Message.objects.get()
    assert message.body == "Since 2026-11-03 10:00 (Europe/Berlin); nobody on call has taken it up so far."
    assert (message.url, message.urgent) == ("/slos/router/", True)


def test_of_costs_hears_whoever_answers_for_them(automation: Automation):
    Automation.objects.filter(pk=automation.pk).update(cost_owner=make_person("carla"))
    happened(automation, kind=FactKind.COST)
    tell_of_facts(DUE)
    assert [who for who, _ in told()] == ["carla"]


def test_its_end_is_told_to_whoever_was_told_with_what_was_missed(automation: Automation):
    fact = happened(automation)
    tell_of_facts(DUE)
    Fact.objects.update(data={**Fact.objects.get().data, "missed": 3})
    end_facts([fact.key], at=NOW + 42 * MINUTE)
    for minutes in (43, 44):
        tell_of_facts(NOW + minutes * MINUTE)
    assert told() == [("ana", "Lead router is silent"), ("ana", "Over: Lead router is silent")]
    body = Message.objects.get(title__startswith="Over").body
    assert body.endswith("it lasted 42 min. 3 expected pings missed.")


def test_one_that_ended_within_its_grace_is_told_once(automation: Automation):
    fact = happened(automation)
    end_facts([fact.key], at=NOW + 2 * MINUTE)
    tell_of_facts(DUE)
    tell_of_facts(DUE + MINUTE)
    assert list(Message.objects.values_list("body", flat=True)) == [
        "Since 2026-11-03 10:00 (Europe/Berlin), over since 2026-11-03 10:02 (Europe/Berlin): it lasted 2 min."
    ]


def test_the_backup_hears_too_while_the_owner_is_away(automation: Automation, owner: Person):
    identity.add_absence(owner, from_at=NOW, until=NOW + timedelta(days=1), actor=SETUP, now=NOW)
    happened(automation)
    tell_of_facts(DUE)
    assert [who for who, _ in told()] == ["ana", "bruno"]


def test_the_ops_leads_of_the_team_hear_where_nobody_owns_it():
    team = make_team("revops")
    make_person("lead", roles=[Role.OPS_LEAD], team=team)
    make_person("other", roles=[Role.OPS_LEAD])
    happened(make_automation(team=team))
    tell_of_facts(DUE)
    assert [who for who, _ in told()] == ["lead"]


def test_every_ops_lead_hears_where_the_team_has_none():
    make_person("lead", roles=[Role.OPS_LEAD])
    make_person("other", roles=[Role.OPS_LEAD])
    happened(None)
    tell_of_facts(DUE)
    assert [who for who, _ in told()] == ["lead", "other"]


@pytest.mark.parametrize(("tier", "deliveries"), [("P0", 1), ("P1", 1), ("P2", 0)])
def test_p2_informs_by_the_inbox_alone(tier: str, deliveries: int, owner: Person, settings):
    settings.SLACK_BOT_TOKEN = "xoxb-test"
    happened(make_automation(owner=owner, tier=tier))
    tell_of_facts(DUE)
    assert Message.objects.count() == 1
    assert Delivery.objects.filter(channel="slack").count() == deliveries


@pytest.mark.parametrize("kind", list(FactKind))
def test_every_kind_is_told(automation: Automation, kind: FactKind):
    happened(automation, kind=kind)
    tell_of_facts(DUE)
    assert len(told()) == 1


def test_one_episode_has_one_fact_at_a_time(automation: Automation):
    for number in range(3):
        news = News(
            key=f"fact {number}", kind=FactKind.BURN, sentence="It burns.", occurred_at=NOW, episode="burn:1:page"
        )
        raise_facts([news], now=NOW)
    assert Fact.objects.count() == 1
    Fact.objects.update(ended_at=NOW)
    raise_facts([news], now=NOW)
    assert Fact.objects.count() == 2
