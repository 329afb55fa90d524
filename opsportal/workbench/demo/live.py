"""`python -m opsportal.workbench.demo.live`: new chats and leads while somebody watches, people who answer most,
automations that report their runs and signs of life, and payloads that fail and are sent again.

Touches only records that came from the demo's own CRM; whatever is sent in from outside is left to the portal.
"""

import heapq
import itertools
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from opsportal.sweeps import processes

CHAT_EVERY, LEAD_EVERY = (25.0, 55.0), (240.0, 600.0)
LISTENED_EVERY, REVIVED_EVERY = (8.0, 12.0), (3_000.0, 3_400.0)
# slug: seconds between two runs. A run gives a sign of life where its automation has a heartbeat.
RUNS_EVERY = {
    "lead-router": (40.0, 150.0),
    "lifecycle-nurture": (90.0, 400.0),
    "enrichment": (60.0, 240.0),
}
# What runs by a schedule reports right after it.
BY_SCHEDULE = {"deal-sync": 900.0}
CRM = "https://crm.northbeam.example/records/"

log = logging.getLogger("opsportal.demo")


class Life:
    """What is to happen next, in wall-clock time."""

    def __init__(self, random: Random) -> None:
        from opsportal.workbench.demo.cast import RING, reassemble
        from opsportal.workbench.demo.leads import Leads
        from opsportal.workbench.demo.mishaps import Mishaps
        from opsportal.workbench.demo.telemetry import Telemetry

        self.random = random
        self.telemetry = Telemetry(random)
        self.cast = reassemble()
        self.leads = Leads(random, RING)
        self._waiting: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()
        self.mishaps = Mishaps(self.cast, random, self._in)

    def begin(self, now: datetime) -> None:
        """Whatever was left open by the demo's own CRM gets an answer, unless somebody has to decide about it first;
        then chats and leads arrive.
        """
        from handoffs.models import Handoff
        from handoffs.operations.change import SLA_CHANGE
        from opsportal.approvals.models import Approval

        self.leads.number = int(now.timestamp())  # references differ from start to start
        undecided = list(Approval.objects.pending(now).filter(kind=SLA_CHANGE).values_list("subject_id", flat=True))
        left = Handoff.objects.running().filter(source="crm", url__startswith=CRM).exclude(pk__in=undecided)
        for key in left.values_list("pk", flat=True):
            self._answer_later(key, now + timedelta(seconds=self.random.uniform(10, 900)))
        self._in(now, (1.0, 3.0), self._chat)
        self._in(now, LEAD_EVERY, self._lead)
        for slug, every in RUNS_EVERY.items():
            self._in(now, (1.0, min(60.0, every[0])), self._run(slug))
        for slug in BY_SCHEDULE:
            self._in(now, _pause(slug, now), self._run(slug))
        self._in(now, LISTENED_EVERY, self._listen)
        self.mishaps.begin(now)

    def step(self, now: datetime) -> None:
        """Everything whose time has come. A database that is busy or away costs this one event."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, act = heapq.heappop(self._waiting)
            try:
                act(now)
            except DatabaseError:
                log.warning("The database did not take a step of the demo; the next one follows.")
                close_old_connections()

    def _in(self, now: datetime, seconds: tuple[float, float], act: Callable[[datetime], None]) -> None:
        at = now + timedelta(seconds=self.random.uniform(*seconds))
        heapq.heappush(self._waiting, (at, next(self._order), act))

    def _run(self, slug: str) -> Callable[[datetime], None]:
        def report(now: datetime) -> None:
            from opsportal import trace
            from opsportal.catalog.models import Automation
            from opsportal.workbench.demo.promises import send_sign_of_life
            from opsportal.workbench.demo.telemetry import QUEUES
            from slos.runs.operations import record_queue, record_runs

            self._in(now, _pause(slug, now), report)
            run = self.telemetry.just_now(slug, now)
            with trace.scope(source="api"):
                record_runs([run], among=Automation.objects.all(), now=now)
                send_sign_of_life(slug, now=now)
                if slug in QUEUES:
                    depth, age = self.telemetry.queue(slug)
                    waits_at = Automation.objects.get(slug=slug)
                    record_queue(waits_at, depth=depth, oldest_age_seconds=age, now=now)

        return report

    def _listen(self, now: datetime) -> None:
        """Once somebody had the silent workflow started again, it gives signs of life."""
        from opsportal.workbench.demo import receiver

        self._in(now, LISTENED_EVERY, self._listen)
        if receiver.take_restart():
            self._revive(now)

    def _revive(self, now: datetime) -> None:
        from opsportal.workbench.demo.promises import SILENT, send_sign_of_life

        self._in(now, REVIVED_EVERY, self._revive)
        send_sign_of_life(SILENT[0], now=now)

    def _chat(self, now: datetime) -> None:
        from opsportal.workbench.demo.company import LIVE_CHAT

        self._in(now, CHAT_EVERY, self._chat)
        key = self._open(LIVE_CHAT, "C", "Chat with ", now)
        # Most are answered in time, some after the first alert, some only by the backup.
        spans = self.random.choices([(15, 105), (125, 215), (250, 340), (365, 420)], weights=[58, 22, 17, 3])[0]
        self._answer_later(key, now + timedelta(seconds=self.random.uniform(*spans)))

    def _lead(self, now: datetime) -> None:
        from handoffs.models import Handoff
        from opsportal.calendars.queries import business_time
        from opsportal.workbench.demo.company import SPEED_TO_LEAD

        self._in(now, LEAD_EVERY, self._lead)
        key = self._open(SPEED_TO_LEAD, "L", "", now)
        handoff = Handoff.objects.get(pk=key)
        seconds = min(4200.0, self.random.lognormvariate(6.3, 1.0))
        self._answer_later(key, business_time(handoff.calendar_version_id).add(now, max(20, round(seconds))))

    def _open(self, slug: str, prefix: str, before: str, now: datetime) -> UUID:
        from handoffs import operations
        from handoffs.models import Rule
        from opsportal import trace

        lead = self.leads.make(now, prefix=prefix)
        new = operations.NewHandoff(
            rule=Rule.objects.select_related("current__calendar", "team").get(slug=slug),
            subject=before + lead.subject,
            external_ref=lead.reference,
            owner=self.cast.people[lead.owner],
            backup_owner=self.cast.people[self.cast.backup_of(lead.owner)],
            started_at=now,
            channel="chat" if prefix == "C" else lead.channel,
            icp=lead.icp,
            amount=lead.amount,
            url=f"{CRM}{lead.reference}",
            source="crm",
            event_id=f"{slug}:{lead.reference}",
        )
        with trace.scope(source="api"):
            return operations.create_handoff(new=new, actor=self.cast.crm_actor(), now=now).handoff.pk

    def _answer_later(self, key: UUID, at: datetime) -> None:
        heapq.heappush(self._waiting, (at, next(self._order), lambda now: self._answer(key, now)))

    def _answer(self, key: UUID, now: datetime) -> None:
        """Whoever has it by then answers and completes it, so that lists stay short."""
        from handoffs import operations
        from handoffs.models import Handoff
        from opsportal import trace
        from opsportal.errors import Conflict

        handoff = Handoff.objects.select_related("owner").filter(pk=key).first()
        if handoff is None or handoff.owner is None:
            return
        actor = self.cast.actor(handoff.owner.username)
        with trace.scope(source="web"):
            try:
                operations.respond_to_handoff(handoff, actor=actor, now=now)
                outcome = self.leads.pick((("meeting_set", 30), ("answered", 55), ("no_answer", 15)))
                operations.complete_handoff(handoff, outcome=outcome, actor=actor, now=now)
            except Conflict:
                return  # somebody who watches was faster


def _pause(slug: str, now: datetime) -> tuple[float, float]:
    """Between which seconds its next run comes."""
    if slug not in BY_SCHEDULE:
        return RUNS_EVERY[slug]
    left = BY_SCHEDULE[slug] - now.timestamp() % BY_SCHEDULE[slug]
    return left + 2.0, left + 32.0


def main() -> None:
    processes.die_as_asked()
    import django

    django.setup()
    from opsportal import clock
    from opsportal.workbench.demo import receiver

    port = int(os.environ[receiver.PORT_VARIABLE])
    with suppress(OSError):  # taken meanwhile: payloads fail then, which is what the queue is for
        receiver.Receiver(port).__enter__()
    life = Life(Random())
    life.begin(clock.now())
    while True:
        life.step(clock.now())
        time.sleep(0.5)


if __name__ == "__main__":
    main()
