"""Runbooks for tests: texts that hold together, drafts of them, published ones. A counter keeps slugs apart."""

import itertools
from datetime import datetime
from typing import Any

from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.library import operations, queries
from runbooks.models import Runbook, RunbookRevision
from tests.factories.identity import NOW, SETUP, make_person

_numbers = itertools.count(1)

PARTS = {
    "Signals": "The heartbeat is missing, or `RateLimit` fills the error table.",
    "Diagnostics": "1. Open the runs of the last hour.\n2. Look at the vendor's status page.",
    "Remediation": "1. Pause the router.\n\n   Check: its page says paused.\n2. Store leads.\n3. Tell sales.",
    "Rollback": "1. Resume the router.\n2. Replay what was stored.",
    "Communication": "Post in #sales-leads every 30 minutes.",
}


def a_text(title: str = "Lead Router", *, parts: dict[str, str] | None = None, **head: Any) -> str:
    """The text of a runbook that may be published."""
    lines = [f"{key}: {value}" for key, value in {"title": title, "kind": "runbook", **head}.items()]
    body = "\n\n".join(f"## {name}\n\n{text}" for name, text in (parts or PARTS).items())
    return "\n".join(["---", *lines, "---", "", body, ""])


def make_runbook(
    slug: str = "", *, text: str = "", author: Person | None = None, now: datetime = NOW, **fields: Any
) -> Runbook:
    """A runbook with a draft."""
    slug = slug or f"runbook-{next(_numbers)}"
    actor = actor_for(author) if author else SETUP
    return operations.create_runbook(slug=slug, text=text or a_text(), author=author, actor=actor, now=now, **fields)


def make_published(slug: str = "", *, publisher: Person | None = None, now: datetime = NOW, **fields: Any) -> Runbook:
    """One whose first revision an ops lead published."""
    runbook = make_runbook(slug, now=now, **fields)
    publisher = publisher or make_person(roles=[Role.OPS_LEAD])
    publish(runbook, publisher, now=now)
    runbook.refresh_from_db()
    return runbook


def save(runbook: Runbook, text: str, author: Person | None = None, *, now: datetime = NOW) -> RunbookRevision:
    base = queries.get_newest(runbook).number
    actor = actor_for(author) if author else SETUP
    return operations.save_draft(runbook, text=text, base=base, author=author, actor=actor, now=now)


def publish(runbook: Runbook, person: Person, *, now: datetime = NOW) -> RunbookRevision:
    revision = queries.get_open(runbook)
    assert revision is not None
    return operations.publish_revision(revision, person=person, actor=actor_for(person), now=now)
