"""What the company does when something breaks: its runbooks, who went through them, what they found to be wrong."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from opsportal.catalog.models import Automation
from opsportal.workbench.demo import receiver
from opsportal.workbench.demo.cast import SETUP, Cast
from opsportal.workbench.demo.promises import PINGED_DAYS, SILENT, SILENT_BEFORE, send_sign_of_life
from runbooks.executions import operations as executions
from runbooks.executions import queries as gone_through
from runbooks.library import operations, queries, starters
from runbooks.library.engine.front_matter import with_values
from runbooks.library.operations.upkeep import month_of
from runbooks.models import Proposal, Runbook, Webhook
from runbooks.remediation import operations as remediation
from runbooks.remediation.sweep import sweep_proposals
from runbooks.states import ProposalState
from runbooks.webhooks.operations import change_webhook, create_webhook

Act = Callable[[datetime], None]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
WRITER, LEAD, RESPONDER = "priya", "marta", "tomas"
BOOKS = ("vendor-degraded", "lead-router", "lifecycle-nurture", "deal-sync")
# What the company added to the head of a starter; the mails were last looked at when they were written.
HEADS = {"lead-router": {"rule": "speed-to-lead"}, "lifecycle-nurture": {"review_every_days": "30"}}
FOLLOW_UP = """---
title: Follow-up after a meeting
kind: playbook
form: handoff
rule: post-meeting-follow-up
team: sales
---

## Owner

Who held the meeting. Who stands in is named in the CRM; where nobody is, Daniel.

## SLA

Four hours in sales hours, until summary and next steps are sent. Twice that, and the backup takes over.

## Trigger

The meeting ends in the calendar and was not cancelled.

## Trace

The handoff's own page: when the meeting ended, who was told when, what they did.

## Consequence

At four hours the owner hears of it, at eight the backup takes over and both are told.

## Failure modes

1. The meeting was moved, and the old one counts as held: cancel the handoff with that reason.
2. The customer asked for more time: pause the handoff and say until when.
3. Two people held it and each waits for the other: the one who asked for the meeting writes.

## Rollback

1. Put the rule in shadow on its page: nobody is alerted, everything is still recorded.

## Link

The workflow *Meeting ended* in n8n, folder Sales.
"""


# Proposed as soon as no sign of life comes. Its restart was a step by hand, until that had been done once too often.
SILENCE = """---
title: Meeting Scheduler is silent
kind: runbook
automation: meeting-scheduler
on_facts: [heartbeat_down, silence]
at_once: [tell-sales]
---

## Signals

- No sign of life for an hour and a quarter.
- Sales asks why invitations do not go out.

## Diagnostics

1. Open the zap *Meeting scheduler* in Zapier: is it switched on, and when did it run last?

   Check: its last run is as old as its last sign of life.

## Remediation

1. Tell sales what to expect. {#tell-sales}

   ```action
   do: tell-sales
   automation: meeting-scheduler
   sentence: Invitations go out late; send those of today by hand.
   hours: 2
   ```
2. Start the zap again. {#restart}

   Check: its next sign of life comes within minutes.
3. Look at the meetings that were booked meanwhile, and invite to those of today by hand.

## Rollback

1. Tell sales that it is over.

   ```action
   do: tell-sales-over
   automation: meeting-scheduler
   ```

## Communication

Post in #sales-ops when it begins and when it is over.
"""
BY_HAND = "Start the zap again. {#restart}\n"
BUTTON = """Start the zap again. {#restart}

   ```action
   do: call-webhook
   webhook: restart-meeting-scheduler
   ```
"""
RESTART = "restart-meeting-scheduler"


class Guides:
    """Written at the start, published by somebody else, used, mended."""

    def __init__(self, cast: Cast, *, start: datetime, end: datetime, port: int) -> None:
        self.cast, self.start, self.end, self.port = cast, start, end, port

    def plan(self, at: Callable[[datetime, Act], None]) -> None:
        length = self.end - self.start
        at(self.start + length * 0.05, self._write)
        at(self.start + length * 0.06, self._draw)
        at(self.end - 4 * DAY if length > 6 * DAY else self.start + length * 0.5, self._go_through)
        at(self.end - timedelta(hours=30), self._find_wrong)
        at(self.end - timedelta(hours=3), self._mend)
        at(self.end - timedelta(hours=2), self._draw)
        at(self.end - timedelta(hours=20), self._derive)
        at(self.end - 26 * MINUTE, self._begin_another)
        looked, hour = max(self.start + length * 0.1, self.end - PINGED_DAYS * DAY) + 2 * MINUTE, timedelta(hours=1)
        while looked < self.end:
            at(looked, self._look)
            looked += hour
        back = self.end - SILENT_BEFORE[1]
        at(back - 16 * MINUTE, self._say_yes)
        at(back - 9 * MINUTE, lambda now: send_sign_of_life(SILENT[0], now=now))
        at(self.end - 40 * hour if length > 6 * DAY else self.start + length * 0.08, self._make_it_a_button)

    def _who(self, username: str, now: datetime) -> dict[str, Any]:
        return {"person": self.cast.people[username], "actor": self.cast.actor(username), "now": now}

    def _write(self, now: datetime) -> None:
        author, actor = self.cast.people[WRITER], self.cast.actor(WRITER)
        known = set(Automation.objects.values_list("slug", flat=True))
        texts = {slug: with_values(starters.get(slug).text, HEADS.get(slug, {})) for slug in BOOKS}
        for slug, text in {**texts, "follow-up": FOLLOW_UP, SILENT[0]: SILENCE}.items():
            if slug in ("vendor-degraded", "follow-up") or slug in known:
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

    def _look(self, now: datetime) -> None:
        sweep_proposals(now)

    def _say_yes(self, now: datetime) -> None:
        """What was proposed is started; what has no button yet is done by hand."""
        proposal = Proposal.objects.filter(runbook__slug=SILENT[0], state=ProposalState.WAITING).first()
        if proposal is None:
            return
        who = self._who(LEAD, now)
        started = remediation.start_proposal(proposal, reason="Invitations of today wait", confirmed=True, **who)
        steps = gone_through.list_steps(started.execution)
        for minutes, step in enumerate((one for one in steps if one.key != "tell-sales"), 2):
            if step.section != "rollback":
                executions.tick_step(step, **{**who, "now": now + minutes * MINUTE})
        outcome = "Zapier had switched it off after an update"
        executions.finish_execution(started.execution, outcome=outcome, holds=True, **{**who, "now": now + 14 * MINUTE})

    def _make_it_a_button(self, now: datetime) -> None:
        """The restart becomes a call, so that a yes does it at once."""
        values = {
            "name": "Restart Meeting scheduler",
            "url": f"http://127.0.0.1:{self.port}{receiver.RESTART}",
            "automation": Automation.objects.get(slug=SILENT[0]),
            "idempotent": True,
        }
        create_webhook(slug=RESTART, values=values, actor=self.cast.actor(LEAD), now=now)
        runbook = self._book(SILENT[0])
        newest, author = queries.get_newest(runbook), self.cast.people[WRITER]
        revision = operations.save_draft(
            runbook,
            text=newest.text.replace(BY_HAND, BUTTON).replace("[tell-sales]", "[tell-sales, restart]"),
            base=newest.number,
            author=author,
            actor=self.cast.actor(WRITER),
            now=now,
            note_text="The restart is a button now",
        )
        operations.publish_revision(revision, **self._who(LEAD, now + 5 * MINUTE))

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

    def _derive(self, now: datetime) -> None:
        """Steps for one vendor out of the playbook for all of them: a draft that nobody has finished yet."""
        author, actor = self.cast.people[RESPONDER], self.cast.actor(RESPONDER)
        playbook, title = self._book("vendor-degraded"), "CRM degraded"
        operations.derive_runbook(playbook, slug="crm-degraded", title=title, author=author, actor=actor, now=now)

    def _begin_another(self, now: datetime) -> None:
        """Somebody is at it: two steps are done, one does not hold, the rest is open."""
        who = self._who(WRITER, now)
        reason = "Six deals are refused since this morning: their stage has another name"
        steps = gone_through.list_steps(executions.start_execution(self._book("deal-sync"), reason=reason, **who))
        for number, step in enumerate(steps[:2], 1):
            executions.tick_step(step, **{**who, "now": now + 4 * number * MINUTE})
        note = "Nobody answers; it is before nine in Lisbon"
        executions.tick_step(steps[2], holds=False, note_text=note, **{**who, "now": now + 14 * MINUTE})

    def _book(self, slug: str) -> Runbook:
        return Runbook.objects.get(slug=slug)


def move(port: int, *, now: datetime) -> None:
    """The webhook of an earlier start leads to the receiver of this one."""
    url = f"http://127.0.0.1:{port}{receiver.RESTART}"
    for webhook in Webhook.objects.in_use().filter(slug=RESTART, url__endswith=receiver.RESTART).exclude(url=url):
        change_webhook(webhook, values={"url": url}, actor=SETUP, now=now)
