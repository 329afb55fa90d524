"""What every write of the library shares: the lock, the audit entry, what the row repeats of its text."""

from datetime import datetime, timedelta
from typing import Any

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.identity.models import Team
from runbooks.library.engine.document import Document
from runbooks.models.library import Runbook, RunbookLink

REVIEW_EVERY = 90


def locked(runbook: Runbook) -> Runbook:
    """The row, held until the commit."""
    return Runbook.objects.select_for_update(of=("self",)).select_related("team").get(pk=runbook.pk)


def subject_of(runbook: Runbook) -> Subject:
    return Subject("runbook", runbook.slug, runbook.title)


def note(runbook: Runbook, action: str, actor: Actor, now: datetime, **detail: Any) -> None:
    team = runbook.team.slug if runbook.team else ""
    audit.record(Draft(actor, f"runbook.{action}", subject_of(runbook), now, team=team, **detail))


def take_over(runbook: Runbook, document: Document) -> None:
    """Have the row say what the text says. Saved by the caller; links are written at once."""
    head = document.head.values
    runbook.title = (document.title or runbook.slug)[:120]
    runbook.kind, runbook.form = document.kind, document.form
    days = str(head.get("review_every_days", ""))
    runbook.review_every_days = int(days) if days.isdecimal() and 1 <= int(days[:6]) <= 730 else REVIEW_EVERY
    if slug := str(head.get("team", "")):
        runbook.team = Team.objects.filter(slug=slug).first() or runbook.team
    if sources := document.slugs("derived_from"):
        playbooks = Runbook.objects.filter(kind=Runbook.Kind.PLAYBOOK).exclude(pk=runbook.pk)
        runbook.derived_from = playbooks.filter(slug=sources[0]).first() or runbook.derived_from
    kinds = RunbookLink.Kind
    named = {
        kinds.AUTOMATION: document.automations,
        kinds.RULE: document.rules,
        kinds.EXCEPTION: document.exceptions,
        kinds.FACT: document.slugs("on_facts"),
    }
    runbook.links.all().delete()
    links = [RunbookLink(runbook=runbook, kind=kind, slug=slug[:80]) for kind, slugs in named.items() for slug in slugs]
    RunbookLink.objects.bulk_create(links, ignore_conflicts=True)


def set_staleness(runbook: Runbook) -> None:
    """When it has to be looked at again: so many days after it was last published or found to hold."""
    seen = [at for at in (runbook.published_at, runbook.validated_at) if at is not None]
    runbook.stale_at = max(seen) + timedelta(days=runbook.review_every_days) if runbook.published_at else None
