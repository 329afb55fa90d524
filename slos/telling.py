"""Who hears of a fact that nobody takes up: whoever answers for it, when it began and once more when it is over."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft
from opsportal.catalog.models import Tier
from opsportal.facts.audit import draft
from opsportal.identity.models import Person
from opsportal.identity.queries import absent_person_ids, people_with_role
from opsportal.identity.roles import Role
from opsportal.notify import operations as notify
from opsportal.notify.engine import Notice, one_line
from opsportal.notify.models import Message
from opsportal.sweeps.registry import SweepResult, in_batches
from opsportal.web import words
from slos.facts import address_of
from slos.models import Fact
from slos.states import OUTAGES, FactKind

BATCH = 500
CLOCKWORK = Actor.system("alarms")
# What stops an automation, or will have spent its budget soon: told over every channel at once for P0 and P1.
URGENT = OUTAGES | {FactKind.EXHAUSTED, FactKind.RUNAWAY_LOOP}
KIND_WORDS = {
    **{kind: kind.value.replace("_", " ") for kind in FactKind},
    FactKind.HEARTBEAT_DOWN: "missed heartbeat",
    FactKind.RUN_STUCK: "stuck run",
    FactKind.BURN: "burning budget",
    FactKind.EXHAUSTED: "spent budget",
    FactKind.VOLUME: "unusual volume",
    FactKind.ERROR_DRIFT: "drift of errors",
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """A fact, and who hears what of it. `is_over` is the second and last time."""

    fact: Fact
    people: tuple[Person, ...]
    is_over: bool


def tell_begun(facts: Sequence[Fact], now: datetime) -> int:
    hearers = _hearers(facts, now)
    for fact in facts:
        fact.closed_at = now if fact.ended_at is not None else None
        fact.data = {**fact.data, "told": [person.pk for person in hearers[fact.pk]]}
    Fact.objects.bulk_update(facts, ["closed_at", "data"])
    _tell([Hearing(fact, hearers[fact.pk], False) for fact in facts], now)
    return len(facts)


def sweep_over(now: datetime) -> SweepResult:
    """Tell of told facts that are over. Several sweepers may run at once."""
    return in_batches(_tell_over, now, size=BATCH)


@transaction.atomic
def _tell_over(now: datetime) -> SweepResult:
    """The same people who were told that it began."""
    over = Fact.objects.filter(told_at__isnull=False, ended_at__isnull=False, closed_at=None)
    facts = over.order_by("ended_at").lock(BATCH)
    if not facts:
        return SweepResult()
    told = {pk for fact in facts for pk in fact.data.get("told", ())}
    people = Person.objects.filter(is_active=True).in_bulk(told)
    for fact in facts:
        fact.closed_at = now
    Fact.objects.bulk_update(facts, ["closed_at"])
    listed = {fact.pk: [people[pk] for pk in fact.data.get("told", ()) if pk in people] for fact in facts}
    _tell([Hearing(fact, tuple(listed[fact.pk]), True) for fact in facts], now)
    return SweepResult(len(facts), len(facts))


def _hearers(facts: Collection[Fact], now: datetime) -> dict[int, tuple[Person, ...]]:
    """The owner; the backup too while the owner is away, or instead of one who has left; without either the ops leads
    of the team, without those every ops lead.
    """
    answering = {fact.pk: _answering(fact) for fact in facts}
    away = absent_person_ids({one.pk for people in answering.values() for one in people}, now)
    leads: list[Person] | None = None
    found: dict[int, tuple[Person, ...]] = {}
    for fact in facts:
        owners = answering[fact.pk]
        if not owners:
            leads = list(people_with_role(Role.OPS_LEAD).order_by("pk")) if leads is None else leads
            found[fact.pk] = _of_team(fact, leads)
        else:
            found[fact.pk] = owners if owners[0].pk in away else owners[:1]
    return found


def _answering(fact: Fact) -> tuple[Person, ...]:
    """Whose it is: the owner and who stands by; of costs first whoever answers for them."""
    automation = fact.automation
    if automation is None:
        return ()
    people = [automation.owner, automation.backup_owner]
    if fact.kind == FactKind.COST:
        people.insert(0, automation.cost_owner)
    return tuple(one for one in people if one is not None and one.is_active)


def _of_team(fact: Fact, leads: Sequence[Person]) -> tuple[Person, ...]:
    holder = fact.automation or fact.slo or fact.heartbeat
    team = holder.team_id if holder is not None else None
    own = tuple(one for one in leads if team is not None and one.team_id == team)
    return own or tuple(leads)


def _tell(hearings: Sequence[Hearing], now: datetime) -> None:
    audit.record_many([_draft(one, now) for one in hearings if one.people])
    loud = [notice for one in hearings if not _is_quiet(one.fact) for notice in _notices(one)]
    quiet = [notice for one in hearings if _is_quiet(one.fact) for notice in _notices(one)]
    notify.tell_many(loud, now)
    _leave_in_inbox(quiet, now)


def _is_quiet(fact: Fact) -> bool:
    """P2 informs, whatever happens: the inbox and nothing else."""
    return fact.automation is not None and fact.automation.tier == Tier.P2


def _leave_in_inbox(notices: Iterable[Notice], now: datetime) -> None:
    rows = [
        Message(
            key=one.key,
            recipient_id=one.person_id,
            topic=one.topic,
            title=one_line(one.title),
            body=one.body,
            url=one.url,
            team=one.team,
            trace_id=one.trace_id,
            created_at=now,
        )
        for one in notices
    ]
    Message.objects.bulk_create(sorted(rows, key=lambda row: row.key), ignore_conflicts=True)


def _notices(hearing: Hearing) -> list[Notice]:
    fact, ending = hearing.fact, "over" if hearing.is_over else "begun"
    return [
        Notice(
            person=person,
            topic=f"slo.{fact.kind}",
            title=_title(hearing),
            body=_body(hearing, person),
            url=address_of(fact),
            key=f"slo-fact:{fact.pk}:{ending}:{person.pk}",
            trace_id=fact.trace_id,
            urgent=not hearing.is_over and _is_urgent(fact),
            team=fact.team,
        )
        for person in hearing.people
    ]


def _is_urgent(fact: Fact) -> bool:
    critical = fact.automation is not None and fact.automation.tier in (Tier.P0, Tier.P1)
    return critical and (FactKind(fact.kind) in URGENT or fact.data.get("severity") == "page")


def _title(hearing: Hearing) -> str:
    sentence = hearing.fact.sentence.rstrip(".")
    return f"Over: {sentence}" if hearing.is_over else sentence


def _body(hearing: Hearing, person: Person) -> str:
    fact = hearing.fact
    since = f"Since {_instant(fact.occurred_at, person)}"
    if fact.ended_at is None:
        return f"{since}; nobody on call has taken it up so far."
    lasted = words.duration((fact.ended_at - fact.occurred_at).total_seconds())
    over = f"{since}, over since {_instant(fact.ended_at, person)}: it lasted {lasted}."
    missed = fact.data.get("missed")
    return f"{over} {words.count(missed, 'expected ping')} missed." if isinstance(missed, int) and missed else over


def _instant(at: datetime, person: Person) -> str:
    return f"{at.astimezone(ZoneInfo(person.timezone)):%Y-%m-%d %H:%M} ({person.timezone})"


def _draft(hearing: Hearing, now: datetime) -> Draft:
    fact = hearing.fact
    return draft(
        fact,
        "over" if hearing.is_over else "unclaimed",
        actor=CLOCKWORK,
        at=now,
        occurred_at=fact.ended_at if hearing.is_over else fact.occurred_at,
        kind=KIND_WORDS[FactKind(fact.kind)],
        people=" and ".join(str(one) for one in hearing.people),
    )
