"""Six weeks of a company's life, lived through the real operations with the instants they happened at.

A small discrete-event simulation: what is to happen waits in a heap, and whenever a timer is due before the next event
the real sweep runs at that instant. So every row, message and trail entry is what the portal itself would have left.
"""

import heapq
import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from django.db import transaction

from handoffs import operations
from handoffs.models import Handoff
from handoffs.operations import NewHandoff
from handoffs.sweep import sweep_handoffs
from opsportal import trace
from opsportal.audit.engine import Actor
from opsportal.calendars.queries import business_time
from opsportal.errors import Conflict
from opsportal.workbench.demo.cast import RING, Cast
from opsportal.workbench.demo.company import FOLLOW_UP, LIVE_CHAT, SPEED_TO_LEAD, Company
from opsportal.workbench.demo.leads import BERLIN, CANCEL_REASONS, REASONS, WAITING_REASONS, Lead, Leads

LEADS_A_DAY, CHATS_A_DAY = 15.0, 6.0
CHATS_BEGIN = timedelta(days=12)  # before the end
EVENTS_A_TRANSACTION = 40
BOT = Actor.system("Autoresponder")

Act = Callable[[datetime], None]


class History:
    """Lives from `start` to `end`. What is still waiting then is left open: the portal goes on from there."""

    def __init__(self, cast: Cast, company: Company, *, start: datetime, end: datetime, seed: int) -> None:
        self.cast, self.company = cast, company
        self.start, self.end = start, end
        self.random = Random(seed)
        self.leads = Leads(self.random, RING)
        self._waiting: list[tuple[datetime, int, Act]] = []
        self._order = itertools.count()
        self._next_due: datetime | None = None

    def live(self, progress: Callable[[float], None] = lambda share: None) -> int:
        """Everything that happened, in order. Answers how many events there were."""
        self._plan()
        count = 0
        while self._waiting and self._waiting[0][0] < self.end:
            with transaction.atomic():  # one commit for many events: only a first start runs this, and it runs whole
                for _ in range(EVENTS_A_TRANSACTION):
                    if not self._step():
                        break
                    count += 1
            progress((self._now - self.start) / (self.end - self.start))
        return count

    # --- the clock ---

    def at(self, instant: datetime, act: Act) -> None:
        heapq.heappush(self._waiting, (instant, next(self._order), act))

    def _step(self) -> bool:
        """The next event, or the sweep that is due before it."""
        if not self._waiting or self._waiting[0][0] >= self.end:
            return False
        instant = self._waiting[0][0]
        if self._next_due is not None and self._next_due <= instant:
            instant = self._next_due + timedelta(seconds=self.random.uniform(1, 9))
            with trace.scope(source="task"):
                sweep_handoffs(instant)
        else:
            _, _, act = heapq.heappop(self._waiting)
            with trace.scope(source="api"):
                act(instant)
        self._now = instant
        self._next_due = _next_due()
        return True

    def _plan(self) -> None:
        self._now = self.start
        day = self.start.astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < self.end:
            for lead in self.leads.of_day(day, LEADS_A_DAY):
                self.at(lead.at, self._take_lead(lead))
            if day > self.end - CHATS_BEGIN:
                for lead in self.leads.of_day(day, CHATS_A_DAY):
                    self.at(lead.at, self._take_chat(self.leads.make(lead.at, median=55, spread=0.75, prefix="C")))
            if day.weekday() == 4:
                self.at(day + timedelta(hours=15), self._tag_the_weeks_breaches)
            day = (day + timedelta(hours=30)).replace(hour=0, minute=0)
        self._waiting = [event for event in self._waiting if event[0] >= self.start]
        heapq.heapify(self._waiting)
        self.at(self.start + timedelta(days=self.company.shadow_days), self._go_live(FOLLOW_UP))
        self.at(self.end - CHATS_BEGIN, self._go_live(LIVE_CHAT))

    def _go_live(self, slug: str) -> Act:
        from opsportal.workbench.demo.company import activate

        return lambda now: activate(self.company, slug, self.cast, now=now)

    # --- what comes in ---

    def _take_lead(self, lead: Lead) -> Act:
        return lambda now: self._open_lead(lead, now)

    def _open_lead(self, lead: Lead, now: datetime) -> None:
        handoff = self._open(SPEED_TO_LEAD, lead, lead.subject, now)
        if lead.channel == "web_form" and self.leads.happens(0.5):
            self.at(now + timedelta(seconds=4), self._auto_reply(handoff.pk))
        if self.leads.happens(0.04):
            minutes = self.random.uniform(3, 45)
            reason = self.random.choice(CANCEL_REASONS)
            self.at(now + timedelta(minutes=minutes), self._cancel(handoff.pk, reason))
            return
        if self.leads.happens(0.03):
            self.at(now + timedelta(minutes=self.random.uniform(4, 20)), self._hand_over(handoff.pk))
        self.at(self._when_answered(handoff, lead), self._respond(handoff.pk, self._after_answer(lead)))

    def _take_chat(self, lead: Lead) -> Act:
        def open_chat(now: datetime) -> None:
            if self.company[LIVE_CHAT].mode != "active":
                return
            handoff = self._open(LIVE_CHAT, lead, f"Chat with {lead.subject}", now)
            self.at(self._when_answered(handoff, lead), self._respond(handoff.pk, self._close_chat))

        return open_chat

    def _open(self, slug: str, lead: Lead, subject: str, now: datetime) -> Handoff:
        new = NewHandoff(
            rule=self.company[slug],
            subject=subject,
            external_ref=lead.reference,
            owner=self.cast.people[lead.owner],
            backup_owner=None if self.leads.happens(0.02) else self.cast.people[self.cast.backup_of(lead.owner)],
            started_at=now - timedelta(seconds=round(self.random.uniform(1, 20))),
            channel="chat" if slug == LIVE_CHAT else lead.channel,
            icp=lead.icp,
            amount=lead.amount,
            url=f"https://crm.northbeam.example/records/{lead.reference}",
            source="crm",
            event_id=f"{slug}:{lead.reference}",
        )
        return operations.create_handoff(new=new, actor=self.cast.crm_actor(), now=now).handoff

    def _when_answered(self, handoff: Handoff, lead: Lead) -> datetime:
        """In business time; whoever would take much longer loses it to the backup, who answers soon after."""
        limit = 2 * handoff.sla_minutes * 60 + self.random.uniform(120, 1500) * handoff.sla_minutes / 30
        seconds = min(lead.seconds, limit) if self.leads.happens(0.93) else lead.seconds
        return business_time(handoff.calendar_version_id).add(handoff.started_at, max(20, round(seconds)))

    # --- what people do ---

    def _respond(self, key: UUID, then: Callable[[Handoff, datetime], None]) -> Act:
        def respond(now: datetime) -> None:
            handoff, who = Handoff(pk=key), self._owner(key)
            if who is not None:
                with trace.scope(source="web"), suppress(Conflict), transaction.atomic():
                    then(operations.respond_to_handoff(handoff, actor=who, now=now), now)

        return respond

    def _after_answer(self, lead: Lead) -> Callable[[Handoff, datetime], None]:
        def plan(handoff: Handoff, now: datetime) -> None:
            # Leads answered in time lead to meetings more often: that is what the whole thing is for.
            chance = 0.42 if handoff.business_hit else 0.2
            outcome = (
                "meeting_set"
                if self.leads.happens(chance)
                else self.leads.pick((("no_answer", 45), ("not_now", 35), ("disqualified", 20)))
            )
            later = now + timedelta(hours=self.random.lognormvariate(1.2, 0.8))
            if outcome == "meeting_set" or self.leads.happens(0.6):
                self.at(later, self._complete(handoff.pk, outcome))
            if outcome == "meeting_set":
                meeting = (now + timedelta(days=self.random.randint(1, 4))).replace(
                    hour=self.random.randint(9, 15), minute=self.random.choice((0, 30)), second=0, microsecond=0
                )
                self.at(meeting, self._hold_meeting(lead))

        return plan

    def _close_chat(self, handoff: Handoff, now: datetime) -> None:
        outcome = self.leads.pick((("meeting_set", 25), ("answered", 60), ("no_answer", 15)))
        self.at(now + timedelta(minutes=self.random.uniform(3, 18)), self._complete(handoff.pk, outcome))

    def _hold_meeting(self, lead: Lead) -> Act:
        def hold(now: datetime) -> None:
            meeting = self.leads.make(now.astimezone(BERLIN), median=5400, spread=0.8, prefix="M")
            handoff = self._open(FOLLOW_UP, meeting, f"Follow-up with {lead.subject}", now)
            done = self._when_answered(handoff, meeting)
            if self.leads.happens(0.22):
                pause = now + timedelta(minutes=self.random.uniform(10, 50))
                resume = pause + timedelta(hours=self.random.uniform(3, 30))
                self.at(pause, self._pause(handoff.pk))
                self.at(resume, self._resume(handoff.pk))
                done += resume - pause
            outcome = self.leads.pick((("won", 18), ("next_meeting", 47), ("no_answer", 35)))
            self.at(done, self._complete(handoff.pk, outcome))
            if self.leads.happens(0.05):
                self.at(done + timedelta(hours=self.random.uniform(20, 50)), self._reopen(handoff.pk))

        return hold

    def _complete(self, key: UUID, outcome: str) -> Act:
        return self._move(key, lambda h, who, now: operations.complete_handoff(h, outcome=outcome, actor=who, now=now))

    def _cancel(self, key: UUID, reason: str) -> Act:
        return self._move(key, lambda h, who, now: operations.cancel_handoff(h, reason=reason, actor=who, now=now))

    def _pause(self, key: UUID) -> Act:
        reason = self.random.choice(WAITING_REASONS)
        return self._move(key, lambda h, who, now: operations.pause_handoff(h, reason=reason, actor=who, now=now))

    def _resume(self, key: UUID) -> Act:
        return self._move(key, lambda h, who, now: operations.resume_handoff(h, actor=who, now=now))

    def _reopen(self, key: UUID) -> Act:
        def reopen(handoff: Handoff, who: Actor, now: datetime) -> None:
            reason = "The summary went to the wrong person."
            reopened = operations.reopen_handoff(handoff, reason=reason, actor=who, now=now)
            done = business_time(reopened.calendar_version_id).add(now, round(self.random.uniform(1800, 9000)))
            self.at(done, self._complete(key, "next_meeting"))

        return self._move(key, reopen)

    def _hand_over(self, key: UUID) -> Act:
        def hand_over(handoff: Handoff, who: Actor, now: datetime) -> None:
            operations.reassign_handoff(handoff, reason="I am in a meeting.", actor=who, now=now)

        return self._move(key, hand_over)

    def _auto_reply(self, key: UUID) -> Act:
        def reply(handoff: Handoff, who: Actor, now: datetime) -> None:
            operations.respond_to_handoff(handoff, respondent=BOT, automatic=True, actor=BOT, now=now)

        return self._move(key, reply)

    def _move(self, key: UUID, act: Callable[[Handoff, Actor, datetime], object]) -> Act:
        """An action of whoever owns the record then. Life may have gone another way: a refusal is no news."""

        def move(now: datetime) -> None:
            handoff, who = Handoff(pk=key), self._owner(key)
            if who is not None:
                with trace.scope(source="web"), suppress(Conflict), transaction.atomic():
                    act(handoff, who, now)

        return move

    def _tag_the_weeks_breaches(self, now: datetime) -> None:
        """Prune Friday: the week's breaches get their reasons; a few are left for the next time."""
        week = Handoff.objects.filter(started_at__gt=now - timedelta(days=7), breach_reason="", missed=True)
        with trace.scope(source="web"):
            for handoff in week.filter(started_at__lt=now).select_related("rule"):
                if self.leads.happens(0.85):
                    operations.tag_reason(
                        handoff, breach_reason=self.leads.pick(REASONS), actor=self.cast.actor("priya"), now=now
                    )

    def _owner(self, key: UUID) -> Actor | None:
        """Who owns a record at present. Operations read the record itself under lock: its key is enough for them."""
        owner = Handoff.objects.filter(pk=key).values_list("owner__username", flat=True).get()
        return self.cast.actor(owner) if owner else None


def _next_due() -> datetime | None:
    """The earliest instant at which a timer is due."""
    waiting = Handoff.objects.filter(next_fire_at__isnull=False).order_by("next_fire_at")
    return waiting.values_list("next_fire_at", flat=True).first()
