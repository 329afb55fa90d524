"""The head of a runbook: YAML between two lines of dashes, or the properties Notion writes below the title.

Every value is read as text, list or mapping: nothing is constructed, no alias is followed, no key stands twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_CHARACTERS = 20_000
MOST_DEPTH = 6
MOST_BRACKETS = 200
HEAD = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
LINE_END = re.compile(r"\r\n?|\n")
PROPERTY = re.compile(r"([A-Za-z][A-Za-z _-]{0,40}):[ \t]*(.*)")
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/@()-]*")
# Words YAML reads as something else than themselves; quoted, other programs read them as we do.
NOT_TEXT = re.compile(r"(?i)(?:y|n|yes|no|on|off|true|false|null)|[-+.0-9_e]+")


class Unreadable(ValueError):
    """What is wrong with YAML, and at which of its lines (from 1)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


@dataclass(frozen=True, slots=True)
class Head:
    """`values` by key as written; `lines` the line of each key in the file (from 1). The body begins at the character
    `body_at`, after `body_line` lines. `broken` says why the YAML could not be read.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    body_line: int = 0
    body_at: int = 0
    broken: Unreadable | None = None


def read(text: str) -> Head:
    """The head of a file. A file may have none."""
    found = HEAD.match(text)
    if found is None:
        return _properties(text)
    body_line = found[0].count("\n")
    try:
        values, lines = read_yaml(found[1])
    except Unreadable as broken:
        return Head({}, {}, body_line, found.end(), Unreadable(broken.message, broken.line + 1))
    return Head(values, {key: line + 1 for key, line in lines.items()}, body_line, found.end())


def lines_of(text: str) -> list[str]:
    """Lines as Markdown counts them; str.splitlines() also breaks at characters that are none."""
    return LINE_END.split(text)


def read_yaml(text: str) -> tuple[dict[str, Any], dict[str, int]]:
    """A mapping as text, lists and mappings, and the line of each of its keys. Raises Unreadable."""
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"At most {MOST_CHARACTERS:,} characters.", 1)
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        raise Unreadable("This is nested too deeply.", 1)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(f"This is not YAML: {error.problem or error.context}.", mark.line + 1 if mark else 1) from None
    except yaml.YAMLError:
        raise Unreadable("This is not YAML: it has characters that do not belong into text.", 1) from None
    except RecursionError:
        raise Unreadable("This is nested too deeply.", 1) from None
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise Unreadable("Lines of “key: value” are expected.", 1)
    seen: set[int] = set()
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    return _mapping(node, seen, 0), lines


def _mapping(node: yaml.MappingNode, seen: set[int], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Unreadable("A key is a word.", line)
        if key.value in found:
            raise Unreadable(f"“{key.value}” stands twice.", line)
        found[key.value] = _value(value, seen, depth + 1)
    return found


def _value(node: yaml.Node, seen: set[int], depth: int) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise Unreadable("Aliases (*name) are not followed; write it out.", line)
    seen.add(id(node))
    if depth > MOST_DEPTH:
        raise Unreadable("This is nested too deeply.", line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, seen, depth)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, seen, depth + 1) for each in node.value]
    return str(node.value)


def _properties(text: str) -> Head:
    """The properties of a page exported from Notion: a block of `Name: value` right below the title."""
    lines = lines_of(text.removeprefix("\ufeff"))
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if start >= len(lines) or not lines[start].startswith("# "):
        return Head()
    values: dict[str, Any] = {"title": lines[start][2:].strip()}
    at = {"title": start + 1}
    start += 1
    while start < len(lines) and not lines[start].strip():
        start += 1
    for number, found in _block(lines, start):
        key = found[1].strip().lower().replace(" ", "_").replace("-", "_")
        if key in values:
            return Head()
        values[key], at[key] = found[2].strip(), number + 1
    return Head(values, at) if len(values) > 1 else Head()


def _block(lines: list[str], start: int) -> Iterator[tuple[int, re.Match[str]]]:
    """The lines of a paragraph, when all of them are properties."""
    end = start
    while end < len(lines) and lines[end].strip():
        end += 1
    found = [(number, PROPERTY.fullmatch(lines[number].rstrip())) for number in range(start, end)]
    if all(match for _, match in found):
        yield from ((number, match) for number, match in found if match)


def with_values(text: str, changes: Mapping[str, str | None]) -> str:
    """The same file with some plain values of its head changed; None takes a key away. The rest stays as it is."""
    end = "\r\n" if "\r\n" in text.partition("\n")[0] + "\n" else "\n"
    found = HEAD.match(text)
    if found is None:
        fresh = [f"{key}: {quoted(value)}" for key, value in changes.items() if value is not None]
        return end.join(["---", *fresh, "---", "", ""]) + text.removeprefix("\ufeff")
    lines = found[1].splitlines()
    for key, value in changes.items():
        lines = _without(lines, key)
        if value is not None:
            lines.append(f"{key}: {quoted(value)}")
    return end.join(["---", *lines, "---", ""]) + text[found.end() :]


def _without(lines: list[str], key: str) -> list[str]:
    """The lines without a key and what is indented, or listed, below it."""
    kept, inside = [], False
    for line in lines:
        if re.match(rf"{re.escape(key)}[ \t]*:", line):
            inside = True
        elif not (inside and (line.startswith((" ", "\t", "- ")) or line == "-")):
            inside = False
            kept.append(line)
    return kept


def quoted(value: str) -> str:
    """A scalar that every YAML reader takes as this very text."""
    if PLAIN.fullmatch(value) and not NOT_TEXT.fullmatch(value) and not value.endswith(" "):
        return value
    inner = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{inner}"'
