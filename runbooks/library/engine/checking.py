"""What is wrong with a document, each finding at its line. Errors keep it from being published, notes do not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from runbooks.library.engine import markdown
from runbooks.library.engine.document import FORMS, KINDS, Document, Section

KNOWN_KEYS = frozenset(
    {
        "title", "slug", "kind", "form", "team", "owner", "automation", "automations", "rule", "rules", "exception",
        "exceptions", "derived_from", "review_every_days", "notion", "tags", "on_facts", "at_once",
    }
)  # fmt: skip
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
LONGEST_REVIEW = 730
HTML = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9-]*[\s/>]|!--)")


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` counts from 1; 0 is the document as a whole."""

    line: int
    code: str
    message: str
    is_error: bool = True


def problems_of(document: Document) -> list[Problem]:
    """All findings, by line."""
    found = [*_head(document), *_parts(document), *_steps(document), *_addresses(document)]
    return sorted(found, key=lambda one: (one.line, one.code))


def errors_of(document: Document) -> list[Problem]:
    return [one for one in problems_of(document) if one.is_error]


def _head(document: Document) -> Iterator[Problem]:
    head = document.head
    if head.broken is not None:
        yield Problem(head.broken.line, "front_matter", head.broken.message)
        return
    if not document.title:
        yield Problem(1, "title_missing", "A title is missing: write “title:” in front, or a heading “# …”.")
    elif len(document.title) > 120:
        yield Problem(head.lines.get("title", 1), "title_long", "A title has at most 120 characters.")
    for key, allowed in (("kind", KINDS), ("form", tuple(FORMS))):
        if key in head.values and str(head.values[key]).lower() not in allowed:
            yield Problem(head.lines[key], key, f"“{key}” is one of {', '.join(allowed)}.")
    days = head.values.get("review_every_days")
    if days is not None and not (str(days).isdecimal() and 1 <= int(str(days)[:6]) <= LONGEST_REVIEW):
        message = f"“review_every_days” is a whole number from 1 to {LONGEST_REVIEW}."
        yield Problem(head.lines["review_every_days"], "review_every_days", message)
    for key in ("automation", "automations", "rule", "rules", "exception", "exceptions", "slug", "derived_from"):
        for slug in document.slugs(key):
            if not SLUG.fullmatch(slug):
                yield Problem(head.lines[key], key, f"“{slug[:60]}” is no slug: lower-case letters, digits, hyphens.")
    yield from _proposing(document)
    notion = head.values.get("notion")
    if notion and not is_address(str(notion)):
        yield Problem(head.lines["notion"], "notion", "“notion” is an address that begins with https://.")
    for key in head.values:
        if key not in KNOWN_KEYS and head.body_line:
            yield Problem(
                head.lines.get(key, 1), "unknown_key", f"“{key[:40]}” is kept, but means nothing here.", False
            )


def _proposing(document: Document) -> Iterator[Problem]:
    """What a fact proposes names what it is for; what is done at once are steps with an id and an action."""
    lines, kinds, ids = document.head.lines, document.slugs("on_facts"), document.slugs("at_once")
    if kinds and document.kind != "runbook":
        yield Problem(lines["on_facts"], "on_facts", "A fact proposes a runbook; a playbook has nothing to carry out.")
    if kinds and not (document.automations or document.rules):
        yield Problem(lines["on_facts"], "on_facts", "Say of which automation or rule: “automation: …”.")
    if ids and not kinds:
        message = "“at_once” goes with “on_facts”: it is what a yes to those carries out."
        yield Problem(lines["at_once"], "at_once", message)
    able = {step.own_id for step in document.steps if step.own_id and step.action is not None}
    for key in ids:
        if key not in able:
            yield Problem(lines["at_once"], "at_once", f"No step with an action carries the id “{{#{key[:60]}}}”.")


def _parts(document: Document) -> Iterator[Problem]:
    """Every part its form asks for stands there once, and says something."""
    by_name: dict[str, list[Section]] = {}
    for section in document.sections:
        if section.name:
            by_name.setdefault(section.name, []).append(section)
    end = document.text.count("\n") + 1
    for name in FORMS[document.form]:
        found = by_name.get(name, [])
        if not found:
            yield Problem(end, "part_missing", f"The part “{name.capitalize()}” is missing.")
        for section in found:
            if section.is_empty:
                yield Problem(section.line, "part_empty", f"The part “{section.title}” says nothing yet.")
        for section in found[1:]:
            yield Problem(section.line, "part_twice", f"“{section.title}” stands here a second time.", False)


def _steps(document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for step in document.steps:
        if step.own_id and step.own_id in seen:
            yield Problem(step.line, "step_id_twice", f"The id “{step.own_id}” stands at two steps.")
        seen.add(step.own_id)
        if not step.title:
            yield Problem(step.line, "step_empty", "This step says nothing.")
        if step.action is not None and (step.action.broken or not step.action.kind):
            message = step.action.broken or "An action says what it does: “do: …”."
            yield Problem(step.action.line, "action", message)
    needs_steps = document.kind == "runbook" and document.form == "incident"
    if needs_steps and not any(step.section == "remediation" for step in document.steps):
        line = next((one.line for one in document.sections if one.name == "remediation"), 0)
        if line:
            yield Problem(line, "steps_missing", "A runbook says what to do in numbered steps: write “1. …” below.")


def _addresses(document: Document) -> Iterator[Problem]:
    below = document.head.body_line
    for token in document.tokens:
        if token.type != "inline" or not token.map:
            continue
        for child in token.children or []:
            address = str(child.attrs.get("href") or child.attrs.get("src") or "")
            if address and not _may_lead_to(address):
                message = "This address is left out: links lead to https, http or mailto."
                yield Problem(token.map[0] + below + 1, "address", message, False)
        text = "".join(child.content for child in token.children or [] if child.type == "text")
        if HTML.search(text):
            message = "HTML is shown as text; write Markdown instead."
            yield Problem(token.map[0] + below + 1, "html", message, False)


def _may_lead_to(address: str) -> bool:
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return False
    return scheme in {"", *markdown.SCHEMES}


def is_address(url: str) -> bool:
    """Whether this is a whole https address that can be shown as a link."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and len(url) <= 500 and url.isprintable() and " " not in url
