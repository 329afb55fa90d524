"""What the company does when something breaks: its runbooks, who went through them, what they found to be wrong."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from opsportal.catalog.models import Automation
from opsportal.workbench.demo.cast import Cast
from runbooks.executions import operations as executions
from runbooks.executions import queries as gone_through
from runbooks.library import operations, queries, starters
from runbooks.library.operations.upkeep import month_of
from runbooks.models import Runbook

Act = Callable[[datetime], None]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WRITER, LEAD, RESPONDER = "priya", "marta", "tomas"
BOOKS = ("vendor-degraded", "lead-router", "lifecycle-nurture", "deal-sync")


class Guides:
    """Written at the start, published by somebody else, used, mended."""

    def __init__(self, cast: Cast, *, start: datetime, end: datetime) -> None:
        self.cast, self.start, self.end = cast, start, end

    def plan(self, at: Callable[[datetime, Act], None]) -> None:
        length = self.end - self.start
        at(self.start + length * 0.05, self._write)
        at(self.start + length * 0.06, self._draw)
        at(self.end - 4 * DAY if length > 6 * DAY else self.start + length * 0.5, self._go_through)
        at(self.end - timedelta(hours=30), self._find_wrong)
        at(self.end - timedelta(hours=3), self._mend)
        at(self.end - timedelta(hours=2), self._draw)

    def _who(self, username: str, now: datetime) -> dict[str, Any]:
        return {"person": self.cast.people[username], "actor": self.cast.actor(username), "now": now}

    def _write(self, now: datetime) -> None:
        author, actor = self.cast.people[WRITER], self.cast.actor(WRITER)
        known = set(Automation.objects.values_list("slug", flat=True))
        for slug in BOOKS:
            text = starters.get(slug).text
            if slug == "vendor-degraded" or slug in known:
                runbook = operations.create_runbook(slug=slug, text=text, author=author, actor=actor, now=now)
                revision = queries.get_newest(runbook)
                operations.publish_revision(revision, **self._who(LEAD, now))

    def _draw(self, now: datetime) -> None:
        operations.draw_month(month=month_of(now), actor=self.cast.actor(LEAD), now=now)

    def _go_through(self, now: datetime) -> None:
        """An evening on which the CRM refused calls: diagnosed, waited out, written down."""
        runbook = self._book("lead-router")
        who = self._who(RESPONDER, now)
        reason = "RateLimit leads the errors since the import of the trade fair"
        execution = executions.start_execution(runbook, reason=reason, **who)
        for number, step in enumerate(gone_through.list_steps(execution)[:5], 1):
            executions.tick_step(step, **{**who, "now": now + 3 * number * MINUTE})
        executions.finish_execution(
            execution, outcome="The limit was reset; nothing was lost", holds=True, **{**who, "now": now + 22 * MINUTE}
        )

    def _find_wrong(self, now: datetime) -> None:
        runbook = self._book("deal-sync")
        revision = queries.get_published(runbook)
        step = queries.list_steps(revision)[1] if revision else None
        if revision is not None and step is not None:
            words = "The list of errors has moved to the page Debug."
            operations.report_step(revision, key=step.key, words=words, **self._who(RESPONDER, now))

    def _mend(self, now: datetime) -> None:
        """A change that waits for a second person."""
        runbook = self._book("lead-router")
        newest, author = queries.get_newest(runbook), self.cast.people[WRITER]
        text = newest.text.replace("every 30 minutes", "every 20 minutes")
        note = "Sales asked for a shorter rhythm"
        actor = self.cast.actor(WRITER)
        revision = operations.save_draft(
            runbook, text=text, base=newest.number, author=author, actor=actor, now=now, note_text=note
        )
        operations.ask_review(revision, **self._who(WRITER, now))

    def _book(self, slug: str) -> Runbook:
        return Runbook.objects.get(slug=slug)
