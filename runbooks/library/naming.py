"""Whether what a text names is there: automations, rules, team, playbook. As findings at their lines."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from handoffs.models import Rule
from opsportal.catalog.models import Automation
from opsportal.facts import registry as facts
from opsportal.identity.models import Team
from runbooks.library import registry
from runbooks.library.engine import checking
from runbooks.library.engine.checking import Problem
from runbooks.library.engine.document import Document
from runbooks.models import ReplayTarget, Runbook, Webhook


def findings(document: Document, principal: Any = None) -> list[Problem]:
    """All there is to say about a text, by line. With a principal, what they may not see is not there."""
    found = [*checking.problems_of(document), *_names(document, principal), *_actions(document)]
    return sorted(found, key=lambda one: (one.line, one.code))


def errors(document: Document, principal: Any = None) -> list[Problem]:
    return [one for one in findings(document, principal) if one.is_error]


def named_automations(document: Document) -> list[str]:
    """Those of the head, and those its actions act on: all of them decide about its tier."""
    return named_by_each([document])[0]


def named_by_each(documents: Sequence[Document]) -> list[list[str]]:
    """The same for many texts, with the same few statements."""
    reached: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for model, name in ((ReplayTarget, "target"), (Webhook, "webhook")):
        if slugs := {slug for one in documents for slug in _parameters(one, name)}:
            for slug, automation in model.objects.filter(slug__in=slugs).values_list("slug", "automation__slug"):
                reached[name, slug].append(automation or "")
    return [_named(one, reached) for one in documents]


def _named(document: Document, reached: defaultdict[tuple[str, str], list[str]]) -> list[str]:
    acted = _parameters(document, "automation")
    for name in ("target", "webhook"):
        acted += [found for slug in _parameters(document, name) for found in reached[name, slug]]
    return list(dict.fromkeys([*document.automations, *(slug for slug in acted if slug)]))


def _parameters(document: Document, name: str) -> list[str]:
    """What the actions name under one of their parameters."""
    found = [step.action.parameters.get(name) for step in document.steps if step.action]
    return [slug for slug in found if isinstance(slug, str)]


def _names(document: Document, principal: Any) -> Iterator[Problem]:
    automations, rules = Automation.objects.all(), Rule.objects.all()
    if principal is not None:
        automations, rules = automations.visible_to(principal), rules.visible_to(principal)
    yield from _missing(document, ("automation", "automations"), automations, "an automation")
    yield from _missing(document, ("rule", "rules"), rules, "a rule")
    yield from _missing(document, ("team",), Team.objects.all(), "a team")
    yield from _missing(document, ("derived_from",), Runbook.objects.all(), "a playbook")
    known = facts.kinds() if document.slugs("on_facts") else set()
    for kind in document.slugs("on_facts"):
        if kind not in known:
            message = f"There is no fact “{kind[:40]}”; there are {', '.join(sorted(known))}."
            yield Problem(document.head.lines["on_facts"], "unknown_name", message)


def _missing(document: Document, keys: Collection[str], rows: Any, noun: str) -> Iterator[Problem]:
    for key in keys:
        slugs = [slug for slug in document.slugs(key) if checking.SLUG.fullmatch(slug)]
        there = set(rows.filter(slug__in=slugs).values_list("slug", flat=True)) if slugs else set()
        for slug in slugs:
            if slug not in there:
                message = f"There is no such thing as {noun} “{slug}”."
                yield Problem(document.head.lines.get(key, 1), "unknown_name", message)


def _actions(document: Document) -> Iterator[Problem]:
    for step in document.steps:
        if step.action is not None and step.action.kind and not step.action.broken:
            for sentence in registry.faults_of(step.action):
                yield Problem(step.action.line, "action", sentence)
