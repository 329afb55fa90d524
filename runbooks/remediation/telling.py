"""Who hears that a runbook is proposed: whoever answers for what the fact is about, else who keeps the runbook."""

from collections.abc import Sequence
from datetime import datetime

from opsportal.catalog.models import Automation, Tier
from opsportal.facts.models import Fact
from opsportal.identity.models import Person
from opsportal.identity.queries import absent_person_ids, people_with_role
from opsportal.identity.roles import Role
from opsportal.notify.engine import Notice
from opsportal.notify.operations import publish, tell_many
from runbooks.library import queries as library
from runbooks.models import Proposal

TOPIC = "runbook.proposed"


def tell_proposed(proposal: Proposal, fact: Fact, now: datetime) -> None:
    """Each of them once, and the channels that follow `runbook.proposed`."""
    runbook, team = proposal.runbook, proposal.runbook.team
    slug = team.slug if team else fact.team
    automations = _automations(proposal)
    tell_many(
        [
            Notice(
                person=person,
                topic=TOPIC,
                title=f"{runbook.title} is proposed",
                body=f"{proposal.sentence}\nNothing happens before somebody starts it; after four hours nobody can.",
                url=proposal.get_absolute_url(),
                key=f"runbook.proposed:{proposal.pk}:{person.pk}",
                trace_id=proposal.trace_id,
                team=slug,
                urgent=any(one.tier != Tier.P2 for one in automations),
            )
            for person in hearers(automations, now)
        ],
        now,
    )
    data = {
        "id": str(proposal.pk),
        "name": runbook.title,
        "runbook": runbook.slug,
        "fact": proposal.fact_kind,
        "sentence": proposal.sentence,
        "page": proposal.get_absolute_url(),
    }
    publish(event_type=TOPIC, data=data, team=slug, trace_id=proposal.trace_id, key=f"{TOPIC}:{proposal.pk}", now=now)


def hearers(automations: Sequence[Automation], now: datetime) -> list[Person]:
    """The owner, with the backup while the owner is away; without either the ops leads: somebody always hears."""
    found: dict[int, Person] = {}
    for automation in automations:
        people = [p for p in (automation.owner, automation.backup_owner) if p is not None and p.is_active]
        away = absent_person_ids([p.pk for p in people], now) if people else set()
        found |= {p.pk: p for p in (people if people and people[0].pk in away else people[:1])}
    return list(found.values()) or list(people_with_role(Role.OPS_LEAD).order_by("pk"))


def _automations(proposal: Proposal) -> list[Automation]:
    """The one the fact is about, else those the runbook names."""
    is_of_one = proposal.about_type == "automation"
    slugs = [proposal.about_id] if is_of_one else library.automation_slugs(proposal.runbook)
    return list(Automation.objects.filter(slug__in=slugs).select_related("owner", "backup_owner"))
