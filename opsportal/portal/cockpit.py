"""The first page of the day: how many things need me, which first, what else runs late, and when idle, why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Window, prefetch_related_objects
from django.urls import reverse

from handoffs.models import Handoff, HandoffQuerySet
from handoffs.queries import Counts, count_for, list_handoffs, list_late, list_needing
from handoffs.states import HandoffState
from opsportal.approvals.models import Approval
from opsportal.approvals.queries import list_to_decide
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.notify.models import Message
from opsportal.notify.queries import list_messages
from opsportal.web import words
from runbooks.remediation.queries import Need as RunbookNeed
from runbooks.remediation.queries import list_needs
from slos.facts import address_of
from slos.models import Fact

SHOWN, SHOWN_BESIDE = 12, 6
SHOWN_FACTS, READ_FACTS = 3, 60
SOON = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for this person, with the instant by which it should be done and the button for it."""

    title: str
    url: str
    note: str
    deadline: datetime | None
    button: str
    button_url: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one automation now: sentences with the pages that say more; `more` are not shown."""

    name: str
    url: str
    facts: list[tuple[Fact, str]]
    more: int
    is_mine: bool

    @property
    def since(self) -> datetime:
        return min(fact.occurred_at for fact, _ in self.facts)

    @property
    def is_taken(self) -> bool:
        return all(fact.claimed_at is not None for fact, _ in self.facts)


@dataclass(frozen=True, slots=True)
class Cockpit:
    """Everything the page shows. `needs` are by deadline, at most SHOWN; `need_count` is all of them."""

    needs: list[Need]
    need_count: int
    late_count: int
    approval_count: int
    unread_count: int
    counts: Counts
    late_elsewhere: list[Handoff]
    coming: list[Handoff]
    unread: list[Message]
    wrong: list[Trouble]
    degraded: list[Automation]
    now: datetime

    @property
    def is_idle(self) -> bool:
        return self.need_count == 0

    @property
    def tone(self) -> str:
        if self.late_count:
            return "bad"
        return "warn" if self._next_is_soon or self.mine_count else "good"

    @property
    def word(self) -> str:
        if self.late_count:
            return f"{self.late_count} late"
        if self.mine_count:
            return f"{self.mine_count} in trouble"
        if self.is_idle:
            return "nothing waits"
        return "due soon" if self._next_is_soon else "in time"

    @property
    def sentence(self) -> str:
        """`3 things need you: 1 is late, the next runs out in 4 min.`"""
        own = words.count(self.mine_count, "automation of yours is", "automations of yours are")
        return f"{self._waiting} {own} in trouble." if self.mine_count else self._waiting

    @property
    def _waiting(self) -> str:
        if self.is_idle:
            return "No timer waits for you." if self.mine_count else "Nothing needs you right now."
        start = f"{words.count(self.need_count, 'thing needs', 'things need')} you"
        parts = [f"{self.late_count} {'is' if self.late_count == 1 else 'are'} late"] if self.late_count else []
        ahead = next((need.deadline for need in self.needs if need.deadline and not need.is_late), None)
        if ahead is not None:
            which = "the next" if self.need_count > 1 else "it"
            parts.append(f"{which} runs out in {words.duration((ahead - self.now).total_seconds())}")
        return f"{start}: {', '.join(parts)}." if parts else f"{start}."

    @property
    def idle_reason(self) -> str:
        """Why there is nothing to do, and whether that is good."""
        if not self.counts.running:
            return "No timer is running. Handoffs arrive over the API, from events, or by hand."
        running = words.count(self.counts.running, "handoff runs", "handoffs run")
        if self.counts.late:
            return f"None of yours runs; {running}, {self.counts.late} of them late with somebody else."
        return f"None of yours runs; {running} elsewhere, all of them in time."

    @property
    def running_text(self) -> str:
        """`47 running`"""
        return f"{self.counts.running:,} running"

    @property
    def mine_count(self) -> int:
        """How many of the automations this person answers for have something wrong with them."""
        return sum(one.is_mine for one in self.wrong)

    @property
    def _next_is_soon(self) -> bool:
        return any(need.deadline and need.deadline - self.now <= SOON for need in self.needs)


def cockpit_of(person: Person, now: datetime) -> Cockpit:
    """Assemble the page by a handful of short statements."""
    prefetch_related_objects([person], "groups")  # every source asks for the roles
    mine = list_needing(person, now).exclude(state=HandoffState.PAUSED).prefetch_related(None)
    # Counted in the statement that reads the first of them: the page has a dozen statements.
    late = Window(Count("pk", filter=Q(missed_from__lte=now)))
    owned: list[Any] = list(mine.annotate(in_all=Window(Count("pk")), late_in_all=late)[:SHOWN])
    owned_count, late_count = (owned[0].in_all, owned[0].late_in_all) if owned else (0, 0)
    may_act = person.allows("handoffs:write")
    approvals = [_approval(one) for one in list_to_decide(person, now)]
    runbooks = [_runbook(one) for one in list_needs(person, now)]
    needs = sorted([*(_handoff(one, now, may_act) for one in owned), *approvals, *runbooks], key=_by_deadline)
    messages = list_messages(person).filter(read_at=None).prefetch_related(None)
    unread: list[Any] = list(messages.annotate(in_all=Window(Count("pk")))[:SHOWN_BESIDE])
    return Cockpit(
        needs=needs[:SHOWN],
        need_count=owned_count + len(approvals) + len(runbooks),
        late_count=late_count,
        approval_count=len(approvals),
        unread_count=unread[0].in_all if unread else 0,
        counts=count_for(person, now),
        late_elsewhere=_beside(list_late(person, now).exclude(owner=person)),
        coming=_beside(_coming(person, now)),
        unread=unread,
        wrong=_wrong(person),
        degraded=_degraded(person, now),
        now=now,
    )


def _handoff(one: Handoff, now: datetime, may_act: bool) -> Need:
    button_url = reverse("handoffs:act", args=[one.pk, "respond"]) if may_act and one.state == HandoffState.OPEN else ""
    return Need(
        title=one.subject,
        url=one.get_absolute_url(),
        note=one.rule.name,
        deadline=one.due_at,
        button="Respond",
        button_url=button_url,
        is_late=_is_late(one, now),
    )


def _approval(one: Approval) -> Need:
    url = reverse("approvals:approval", args=[one.pk])
    return Need(one.title, url, one.consequence, one.expires_at, "Decide", url, is_late=False)


def _runbook(one: RunbookNeed) -> Need:
    return Need(one.title, one.url, one.note, one.deadline, one.button, one.url, is_late=False)


def _coming(person: Person, now: datetime) -> HandoffQuerySet:
    """What runs out next with other people; what is on hold runs out for nobody."""
    running = list_handoffs(person).running().filter(due_at__gt=now, historical=False)
    return running.exclude(state=HandoffState.PAUSED).exclude(owner=person).order_by("due_at")


def _wrong(person: Person) -> list[Trouble]:
    """What is wrong with automations at this moment: the person's own first, then those that most depends on."""
    if not person.allows("slos:read"):
        return []
    rows = Fact.objects.visible_to(person).going_on().select_related("automation", "slo", "heartbeat")
    by_holder: dict[str, list[Fact]] = {}
    for fact in rows.order_by("automation__tier", "automation__name", "-occurred_at", "-pk")[:READ_FACTS]:
        by_holder.setdefault(_holder(fact), []).append(fact)
    found = [_trouble(facts, person) for facts in by_holder.values()]
    return sorted(found, key=lambda one: not one.is_mine)[:SHOWN_BESIDE]


def _degraded(person: Person, now: datetime) -> list[Automation]:
    """What sales is to know of automations that work worse than they should, the most important first."""
    if not person.allows("catalog:read"):
        return []
    rows = Automation.objects.visible_to(person).filter(degraded_until__gt=now).order_by("tier", "name")
    return list(rows.only("slug", "name", "degraded", "degraded_until")[:SHOWN_BESIDE])


def _holder(fact: Fact) -> str:
    return f"automation {fact.automation_id}" if fact.automation_id else f"{fact.slo_id} {fact.heartbeat_id}"


def _trouble(facts: list[Fact], person: Person) -> Trouble:
    first, telemetry = facts[0], person.allows("heartbeats:read")
    shown = [(fact, address_of(fact, telemetry=telemetry)) for fact in facts[:SHOWN_FACTS]]
    automation = first.automation
    return Trouble(
        name=str(automation or first.slo or first.heartbeat),
        url=automation.get_absolute_url() if automation else shown[0][1],
        facts=shown,
        more=len(facts) - len(shown),
        is_mine=automation is not None and person.pk in (automation.owner_id, automation.backup_owner_id),
    )


def _beside(handoffs: HandoffQuerySet) -> list[Handoff]:
    return list(handoffs.prefetch_related(None)[:SHOWN_BESIDE])


def _is_late(one: Handoff, now: datetime) -> bool:
    return one.missed_from is not None and one.missed_from <= now


def _by_deadline(need: Need) -> tuple[bool, datetime | None]:
    return need.deadline is None, need.deadline
