"""How runbooks look on pages: the text as it may be shown, verdict words and tones, findings with their lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from opsportal.web import words
from runbooks.library.engine import document, front_matter
from runbooks.library.engine.checking import Problem, is_address
from runbooks.library.engine.document import Document
from runbooks.models.library import Runbook, RunbookRevision, RunbookStep
from runbooks.states import RevisionState

STATE_TONES = {
    RevisionState.DRAFT: "calm",
    RevisionState.REVIEW: "warn",
    RevisionState.PUBLISHED: "good",
    RevisionState.SUPERSEDED: "calm",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with the line it is about, as written."""

    line: int
    text: str
    message: str
    tone: str


def shown(found: Document, steps: Sequence[RunbookStep] = ()) -> SafeString:
    """The body as HTML that nh3 let through; steps stand at `#step-<key>`."""
    return SafeString(document.to_html(found, {step.line: step.key for step in steps}))


def findings(found: Document, problems: Iterable[Problem]) -> list[Finding]:
    lines = front_matter.lines_of(found.text)
    return [
        Finding(one.line, _line(lines, one.line), one.message, "bad" if one.is_error else "warn") for one in problems
    ]


def notion_address(found: Document) -> str:
    """The page in Notion, where the head names an address that may be a link."""
    address = str(found.head.values.get("notion", ""))
    return address if is_address(address) else ""


def verdict(runbook: Runbook, now: datetime) -> tuple[str, str]:
    """The word and its tone."""
    if runbook.retired_at is not None:
        return "retired", "calm"
    if runbook.published_number is None:
        return "draft", "calm"
    return ("stale", "warn") if runbook.is_stale(now) else ("current", "good")


def sentence(runbook: Runbook, open_reports: int, now: datetime) -> str:
    """Whether one may rely on it, and why."""
    if runbook.retired_at is not None:
        return "It is not used any more."
    if runbook.published_number is None or runbook.published_at is None:
        return "Nothing of it is published yet, so nobody should rely on it."
    seen = f"Found to hold {words.ago(runbook.validated_at, now)}" if runbook.validated_at else "Never gone through"
    told = [f"{seen}, published {words.ago(runbook.published_at, now)}."]
    if runbook.is_stale(now):
        told.append("It is time to look at it again.")
    if open_reports:
        told.append(f"{words.count(open_reports, 'step is', 'steps are')} said to be wrong.")
    return " ".join(told)


def summary(found: dict[str, int]) -> str:
    """Whether what stands in the library can be relied on."""
    if not found["total"]:
        return "What to do when something breaks, step by step."
    told = [
        f"{found['stale']} {'is' if found['stale'] == 1 else 'are'} stale" if found["stale"] else "",
        f"a step of {found['wrong']} is said to be wrong" if found["wrong"] else "",
        f"{found['draft']} {'is a draft' if found['draft'] == 1 else 'are drafts'} so far" if found["draft"] else "",
    ]
    total, wrong = words.count(found["total"], "runbook"), ", ".join(part for part in told if part)
    return f"{total}: {wrong}." if wrong else f"{total}, and nobody has found one that does not hold."


def revision_word(revision: RunbookRevision) -> tuple[str, str]:
    return revision.state, STATE_TONES[RevisionState(revision.state)]


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1].strip()[:80] if 0 < number <= len(lines) else ""
