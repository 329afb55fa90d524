"""Failing payloads while somebody watches: a few fail, people send them again, the worker delivers them."""

from collections.abc import Callable
from datetime import datetime
from random import Random
from uuid import UUID

from opsportal import trace
from opsportal.approvals.models import Approval
from opsportal.errors import DomainError
from opsportal.workbench.demo import failures
from opsportal.workbench.demo.cast import RING, Cast
from opsportal.workbench.demo.payloads import Payloads, Raw
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.queue import operations as queue
from runbooks.states import ItemState

Seconds = tuple[float, float]
Later = Callable[[datetime, Seconds, Callable[[datetime], None]], None]
FAIL_EVERY: Seconds = (150.0, 420.0)
ASKED_AFTER: Seconds = (70.0, 240.0)
AGREED_AFTER: Seconds = (30.0, 150.0)
DOUBTED_FOR: Seconds = (400.0, 900.0)
REASONS = ("The limit was reset", "The CRM answers again", "It was a single timeout")


class Mishaps:
    """Plans by `later(now, seconds, act)`; whatever a person who watches has decided first stands."""

    def __init__(self, cast: Cast, random: Random, later: Later) -> None:
        self.cast, self.random, self._later = cast, random, later
        self.make = Payloads(random, RING)

    def begin(self, now: datetime) -> None:
        self.make.leads.number = int(now.timestamp()) // 4 % 10_000_000  # references differ from start to start
        if ReplayTarget.objects.filter(slug=failures.TARGETS[0][0]).exists():
            self._later(now, (20.0, 60.0), self._fail)

    def _fail(self, now: datetime) -> None:
        """One payload, at times two of one record."""
        self._later(now, FAIL_EVERY, self._fail)
        raws = [self._payload(now)]
        if self.random.random() < 0.15 and raws[0]["target"] == failures.TARGETS[1][0]:
            raws.append(self.make.deal(now, of=raws[0]))
        with trace.scope(source="api"):
            keys = [item.pk for item in failures.store(raws, now=now)]
        self._later(now, ASKED_AFTER, lambda at: self._send_again(keys, at))

    def _payload(self, now: datetime) -> Raw:
        chance = self.random.random()
        if chance < 0.5:
            return self.make.lead(now)
        return self.make.deal(now) if chance < 0.8 else self.make.mail(now, hangs_up=chance > 0.96)

    def _send_again(self, keys: list[UUID], now: datetime) -> None:
        held = ReplayItem.objects.filter(pk__in=keys, state=ItemState.HELD)
        if not held.exists():
            return
        by = "marta" if held.filter(automation__slug="lifecycle-nurture").exists() else "priya"
        with trace.scope(source="web"):
            done = failures.send_again(self.cast, keys, self.random.choice(REASONS), by=by, now=now)
        if isinstance(done, Approval):
            self._later(now, AGREED_AFTER, lambda at: self._agree(done, at))
        self._later(now, DOUBTED_FOR, lambda at: self._decide(keys, at))

    def _agree(self, approval: Approval, now: datetime) -> None:
        with trace.scope(source="web"):
            try:
                failures.agree(self.cast, approval, now=now)
            except DomainError:
                return  # somebody who watches was faster

    def _decide(self, keys: list[UUID], now: datetime) -> None:
        """Whoever looks into the service's own list finds what nobody had an answer for."""
        reason, actor = "It stands in the service's list of sent mails", self.cast.actor("marta")
        with trace.scope(source="web"):
            for item in ReplayItem.objects.filter(pk__in=keys, state=ItemState.IN_DOUBT):
                queue.mark_delivered(item, reason=reason, actor=actor, now=now)
