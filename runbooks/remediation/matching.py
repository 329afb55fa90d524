"""Which runbook a fact proposes: a published one that lists its kind and names its automation or its rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from opsportal.facts import registry as facts
from opsportal.facts.models import Fact
from runbooks.models import Proposal, Runbook, RunbookLink

# Older facts propose nothing: after a long silence of the sweeps nobody is asked about yesterday.
FRESH = timedelta(hours=1)
Kind = RunbookLink.Kind


@dataclass(frozen=True, slots=True)
class Match:
    runbook: Runbook
    fact: Fact


def find_matches(now: datetime, *, limit: int) -> list[Match]:
    """Facts of the last hour that have not been taken to a runbook which asks for them; the oldest first."""
    wanted = _wanted()
    kinds = {link.slug for runbook in wanted for link in runbook.links.all() if link.kind == Kind.FACT}
    if not kinds:
        return []
    return list(islice(_matches(wanted, kinds, now), limit))


def facts_of(proposals: list[Proposal]) -> dict[tuple[str, str], Fact]:
    """The facts of these proposals, as far as their rooms still have them."""
    found: dict[tuple[str, str], Fact] = {}
    for source in facts.sources():
        keys = [one.fact_key for one in proposals if one.source == source.model.TRAIL]
        rows = source.model.objects.select_related(*source.model.NAMED)
        for fact in rows.filter(key__in=keys) if keys else ():
            found[fact.TRAIL, fact.key] = fact
    return found


def _wanted() -> list[Runbook]:
    asking = RunbookLink.objects.filter(kind=Kind.FACT).values("runbook")
    rows = Runbook.objects.in_use().filter(kind=Runbook.Kind.RUNBOOK, pk__in=asking)
    return list(rows.prefetch_related("links").order_by("pk"))


def _matches(wanted: list[Runbook], kinds: set[str], now: datetime) -> Iterator[Match]:
    for source in facts.sources():
        rows = source.model.objects.filter(kind__in=kinds, noticed_at__gte=now - FRESH, resolved_at=None)
        recent = [fact for fact in rows.select_related(*source.model.NAMED).order_by("id") if not fact.is_over]
        keys = [fact.key for fact in recent]
        known = Proposal.objects.filter(source=source.model.TRAIL, fact_key__in=keys) if keys else ()
        taken = {(one.runbook_id, one.fact_key) for one in known}
        for fact in recent:
            for runbook in wanted:
                if (runbook.pk, fact.key) not in taken and _is_for(runbook, fact):
                    yield Match(runbook, fact)


def _is_for(runbook: Runbook, fact: Fact) -> bool:
    """What was noticed before the runbook asked for it is left to people."""
    named = {(link.kind, link.slug) for link in runbook.links.all()}
    if (Kind.FACT, fact.kind) not in named or fact.noticed_at < (runbook.published_at or fact.noticed_at):
        return False
    subject = fact.subject()
    is_about = subject.type == "automation" and (Kind.AUTOMATION, subject.id) in named
    return is_about or (Kind.RULE, fact.rule_slug()) in named
