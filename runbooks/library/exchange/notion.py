"""A runbook as Notion takes and gives it: the title as a heading, the head as a list of properties below."""

import re

from runbooks.library.engine import front_matter
from runbooks.library.engine.checking import KNOWN_KEYS
from runbooks.library.engine.document import Document

# Notion puts 32 hex digits behind the name of an exported page.
SUFFIX = re.compile(r"[ _-]+[0-9a-f]{32}$")


def to_notion(document: Document, slug: str) -> str:
    """Markdown without front matter; reading it back gives the same document."""
    values = {key: value for key, value in document.head.values.items() if key in KNOWN_KEYS and key != "title"}
    values = {"slug": slug, "kind": document.kind, **values}
    lines = [f"{_label(key)}: {_one_line(value)}" for key, value in values.items()]
    body = front_matter.lines_of(document.text[document.head.body_at :].removeprefix("\ufeff"))
    if document.title_line is not None:
        body = [*body[: document.title_line], *_after_heading(body[document.title_line :])]
    if not document.head.body_at:
        body = _without_properties(body, document)
    return "\n".join([f"# {document.title or slug}", "", *lines, "", *_trimmed(body), ""])


def slug_of(path: str) -> str:
    """A slug out of a file's name, without what Notion adds to it."""
    stem = SUFFIX.sub("", path.rsplit("/", 1)[-1].removesuffix(".md"))
    return re.sub(r"[^a-z0-9]+", "-", stem.casefold()).strip("-")[:80].strip("-")


def file_name(title: str, slug: str) -> str:
    """What Notion calls the page: its title as a file's name."""
    plain = re.sub(r"[\x00-\x1f\x7f/\\:*?\"<>|.]+", " ", title)
    return f"{' '.join(plain.split())[:100].strip() or slug}.md"


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _one_line(value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    return ", ".join(" ".join(str(part).split()) for part in parts)


def _after_heading(lines: list[str]) -> list[str]:
    """What follows the title, written with `#` or underlined."""
    is_underlined = not lines[0].lstrip().startswith("#")
    return lines[2 if is_underlined else 1 :]


def _without_properties(lines: list[str], document: Document) -> list[str]:
    last = max((line for key, line in document.head.lines.items() if key != "title"), default=0)
    return lines[max(last - 1, 0) :] if last else lines


def _trimmed(lines: list[str]) -> list[str]:
    """Without empty lines at both ends."""
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    end = next((number for number in range(len(lines), start, -1) if lines[number - 1].strip()), start)
    return lines[start:end]
