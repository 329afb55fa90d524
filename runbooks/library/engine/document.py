"""A runbook as a document: what its head says, its sections, its numbered steps. The text itself stays as it is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from markdown_it.token import Token

from runbooks.library.engine import front_matter, markdown
from runbooks.library.engine.front_matter import Head
from runbooks.library.engine.markdown import Tokens

MOST_STEPS = 200
# What an incident is handled by, and the page a handoff is explained on; each part with the words it goes by.
INCIDENT: dict[str, tuple[str, ...]] = {
    "signals": ("signals", "signal", "symptoms", "detection"),
    "diagnostics": ("diagnostics", "diagnostic steps", "diagnosis", "triage"),
    "remediation": ("remediation", "remediation actions", "remediation steps", "mitigation", "fix"),
    "rollback": ("rollback", "rollback procedure", "rollback procedures", "rollback instructions", "roll back"),
    "communication": ("communication", "communications", "communication protocol", "communication protocols", "comms"),
}
HANDOFF: dict[str, tuple[str, ...]] = {
    "owner": ("owner", "owners"),
    "sla": ("sla", "timer"),
    "trigger": ("trigger",),
    "trace": ("trace",),
    "consequence": ("consequence", "consequences"),
    "failure modes": ("failure modes", "failure mode", "common failure modes"),
    "rollback": INCIDENT["rollback"],
    "link": ("link", "links", "link to the workflow", "workflow"),
}
FORMS = {"incident": INCIDENT, "handoff": HANDOFF}
KINDS = ("runbook", "playbook")
NAMES = {word: key for parts in (HANDOFF, INCIDENT) for key, words in parts.items() for word in words}
WITHOUT_STEPS = frozenset({"signals", "owner", "sla", "trigger", "trace", "consequence", "link"})
CHECK = re.compile(r"\W{0,3}(?:check|expect|expected)\W{0,3}:\W{0,3}\s*(.+)", re.IGNORECASE)
MARKER = re.compile(r"[ \t>]*\d{1,9}[.)][ \t]{0,4}")


@dataclass(frozen=True, slots=True)
class Action:
    """What a step does by itself when somebody presses its button: a kind and its parameters, as written."""

    kind: str
    parameters: Mapping[str, Any]
    line: int
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step. `text` is its Markdown without the number; `own_id` the `{#id}` it carries, if any.

    `number` counts within its section. `line` is where it begins in the file, from 1.
    """

    section: str
    number: int
    title: str
    text: str
    line: int
    own_id: str = ""
    check: str = ""
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it. `name` is one of the required parts, or empty."""

    name: str
    title: str
    line: int
    level: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Document:
    text: str
    head: Head
    title: str
    title_line: int | None
    sections: tuple[Section, ...]
    steps: tuple[Step, ...]
    tokens: Tokens = field(repr=False)

    @property
    def kind(self) -> str:
        kind = str(self.head.values.get("kind", "")).lower()
        return kind if kind in KINDS else "runbook"

    @property
    def form(self) -> str:
        """Which parts are asked for."""
        form = str(self.head.values.get("form", "")).lower()
        return form if form in FORMS else "incident"

    def slugs(self, *keys: str) -> list[str]:
        """What the head names under these keys: a list, or words between commas."""
        found: list[str] = []
        for key in keys:
            value = self.head.values.get(key, "")
            parts = value if isinstance(value, list) else str(value).split(",") if isinstance(value, str) else []
            found += [str(part).strip() for part in parts if str(part).strip()]
        return list(dict.fromkeys(found))

    @property
    def automations(self) -> list[str]:
        return self.slugs("automation", "automations")

    @property
    def rules(self) -> list[str]:
        return self.slugs("rule", "rules")

    @property
    def exceptions(self) -> list[str]:
        return self.slugs("exception", "exceptions")


def read(text: str) -> Document:
    """Read a file. Nothing is refused here: what is wrong with it, `checking` says."""
    head = front_matter.read(text)
    body = text[head.body_at :].removeprefix("\ufeff")
    tokens = markdown.tokens_of(body)
    sections = list(_sections(tokens, head.body_line))
    heading = sections[0] if sections and sections[0].level == 1 and not sections[0].name else None
    title = head.values.get("title", "")
    return Document(
        text=text,
        head=head,
        title=(title if isinstance(title, str) else "").strip() or (heading.title if heading else ""),
        title_line=heading.line - 1 - head.body_line if heading else None,
        sections=tuple(sections),
        steps=tuple(_steps(tokens, front_matter.lines_of(body), head.body_line)),
        tokens=tokens,
    )


def to_html(document: Document, keys: Mapping[int, str]) -> str:
    """The body as it may stand in a page; `keys` names the step that begins at a line of the file."""
    below = document.head.body_line + 1
    ids = {line - below: f"step-{key}" for line, key in keys.items()}
    ids |= {one.line - below: f"part-{one.name.replace(' ', '-')}" for one in document.sections if one.name}
    return markdown.to_html(document.tokens, ids=ids, title_line=document.title_line)


def _sections(tokens: Tokens, below: int) -> Iterator[Section]:
    """Headings of the page itself, not those inside of lists and quotes."""
    starts = [number for number, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    for place, start in enumerate(starts):
        end = starts[place + 1] if place + 1 < len(starts) else len(tokens)
        level, title = int(tokens[start].tag[1]), markdown.plain_of(tokens[start + 1])
        deeper = end < len(tokens) and int(tokens[end].tag[1]) > level
        is_empty = end - start <= 3 and not deeper  # open, inline, close
        yield Section(name_of(title), title, (tokens[start].map or [0])[0] + below + 1, level, is_empty)


def name_of(title: str) -> str:
    """The part a heading stands for, whatever number or sign precedes it; empty for any other heading."""
    return NAMES.get(re.sub(r"^[\W\d_]+|[\W_]+$", "", title).casefold(), "")


def _steps(tokens: Tokens, lines: list[str], below: int) -> Iterator[Step]:
    section, level, counts = "", 0, dict[str, int]()
    for number, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            found, depth = name_of(markdown.plain_of(tokens[number + 1])), int(token.tag[1])
            if found or depth <= level or not section:
                section, level = found or markdown.plain_of(tokens[number + 1])[:60], depth
        is_step = token.type == "list_item_open" and token.level == 1 and token.info.isdecimal()
        if is_step and section not in WITHOUT_STEPS and sum(counts.values()) < MOST_STEPS:
            counts[section] = counts.get(section, 0) + 1
            yield _step(_inside(tokens, number), token, lines, below, section, counts[section])


def _inside(tokens: Tokens, start: int) -> Tokens:
    """The tokens of one list item."""
    level = tokens[start].level
    end = next(n for n in range(start + 1, len(tokens)) if tokens[n].level == level and tokens[n].nesting == -1)
    return tokens[start + 1 : end]


def _step(inside: Tokens, token: Token, lines: list[str], below: int, section: str, number: int) -> Step:
    first, last = token.map or [0, 0]
    words = [each for each in inside if each.type == "inline"]
    own = markdown.OWN_ID.search(lines[first]) if first < len(lines) else None
    title = markdown.plain_of(words[0]) if words else ""
    return Step(
        section=section,
        number=number,
        title=" ".join(title.split())[:200],
        text=_text(lines[first:last]),
        line=first + below + 1,
        own_id=own[1] if own else "",
        check=next((found for each in words if (found := _check(each))), ""),
        action=next((_action(each, below) for each in inside if _is_action(each)), None),
    )


def _text(lines: list[str]) -> str:
    """The Markdown of an item without its number and its indent."""
    if not lines:
        return ""
    marker = MARKER.match(lines[0])
    width = len(marker[0].expandtabs(4)) if marker else 0
    rest = [_dedented(line, width) for line in lines[1:]]
    return "\n".join([lines[0][len(marker[0]) :] if marker else lines[0], *rest]).strip()


def _dedented(line: str, width: int) -> str:
    line = line.expandtabs(4) if line[:width].strip() == "" else line
    return line[min(width, len(line) - len(line.lstrip(" "))) :]


def _check(token: Token) -> str:
    """What is to be seen when the step is done: a line “Check: …” of its own."""
    for line in token.content.splitlines():
        if found := CHECK.match(line.strip()):
            return markdown.to_plain(found[1])[:500]
    return ""


def _is_action(token: Token) -> bool:
    return token.type == "fence" and token.info.strip().lower() == "action"


def _action(token: Token, below: int) -> Action:
    line = (token.map or [0])[0] + below + 1
    try:
        values, _ = front_matter.read_yaml(token.content)
    except front_matter.Unreadable as broken:
        return Action("", {}, line + broken.line, broken.message)
    kind = values.pop("do", "")
    return Action(kind if isinstance(kind, str) else "", values, line)
