"""OpenSLO files as documents: strict about YAML, for it comes from outside, and lenient about everything in it.

Dates stay text and `yes`, `no`, `on` are words, as in YAML 1.2, which OpenSLO's own tools read.
"""

import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
KINDS = ("SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
VERSIONS = {
    "openslo/v1alpha": "v1alpha",
    "openslo/v1": "v1",
    "openslo.com/v2alpha": "v2alpha",
    "openslo/v2alpha": "v2alpha",
}
MAX_BYTES, MAX_ALIASES, MAX_DEPTH, MAX_NODES = 5_000_000, 100, 50, 200_000
SECRET = re.compile(r"(?i)secret|passw|token|api_?key|access_?key|credential|private_?key")
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing a reader should know: where, what is so, and what was done with it."""

    file: str
    number: int
    name: str
    path: str
    sentence: str
    refused: bool = False

    def __str__(self) -> str:
        where = f"{self.file}, document {self.number}" + (f" ({self.name})" if self.name else "")
        return f"{where}{', ' + self.path if self.path else ''}: {self.sentence}"


@dataclass(slots=True)
class Source:
    """A document with where it stood, and what has been noted of it."""

    file: str
    number: int
    body: Document
    version: str
    notes: list[Note] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.body.get("kind", ""))

    @property
    def name(self) -> str:
        metadata = self.body.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""

    def note(self, path: str, sentence: str, *, refused: bool = False) -> None:
        self.notes.append(Note(self.file, self.number, self.name, path, sentence, refused))


class _Loader(yaml.SafeLoader):
    pass


_DROPPED = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _DROPPED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Document:
    """Keys are text, each once: of two, YAML would silently keep the second."""
    found: Document = {}
    for key_node, value_node in node.value:
        key: Hashable = loader.construct_object(key_node, deep=True)
        if key == "<<" or not isinstance(key, str | int | float | bool):
            raise yaml.constructor.ConstructorError(None, None, "a key is a word here", key_node.start_mark)
        if str(key) in found:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        found[str(key)] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_file(path: Path) -> tuple[list[Source], list[Note]]:
    """The documents of a file, a list of them in one document too; notes of what is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return [], [Note(path.name, 0, "", "", f"cannot be read: {error.strerror}.", True)]
    if len(raw) > MAX_BYTES:
        return [], [Note(path.name, 0, "", "", f"is larger than {MAX_BYTES:,} bytes.", True)]
    return read_text(path.name, raw)


def read_text(file: str, raw: bytes) -> tuple[list[Source], list[Note]]:
    try:
        text = raw.decode("utf-8-sig")
        _check_aliases(text)
        bodies = list(_bodies(yaml.load_all(text, Loader=_Loader)))
    except UnicodeDecodeError:
        return [], [Note(file, 0, "", "", "is not UTF-8.", True)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:300]
        return [], [Note(file, 0, "", "", f"is not YAML that can be read: {said}", True)]
    sources: list[Source] = []
    notes: list[Note] = []
    for number, body in enumerate(bodies, start=1):
        if (refused := _not_ours(body)) is not None:
            notes.append(Note(file, number, "", refused[0], refused[1], True))
            continue
        sources.append(Source(file, number, without_nulls(body), VERSIONS[body["apiVersion"]]))
        _hide_secrets(sources[-1], sources[-1].body, "")
    return sources, notes


def objects_in(value: Any) -> list[Document]:
    """The objects of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def without_nulls(value: Any) -> Any:
    """A key without a value says nothing: `alertPolicies:` and its absence are the same."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value if inner is not None] if isinstance(value, list) else value


def _bodies(documents: Iterable[Any]) -> Iterator[Any]:
    for document in documents:
        if isinstance(document, list):
            yield from document
        elif document is not None:
            yield document


def _check_aliases(text: str) -> None:
    """An alias costs nothing here and everything once it is written out: few are let in, and no bombs of them."""
    depth = nodes = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        nodes += 1
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if aliases > MAX_ALIASES or depth > MAX_DEPTH or nodes > MAX_NODES:
            raise ValueError("too many aliases, or nested too deep, or too long")
    if aliases and nodes * aliases > MAX_NODES:
        raise ValueError("too many aliases")


def _not_ours(body: Any) -> tuple[str, str] | None:
    if not isinstance(body, dict):
        return "", "is no OpenSLO object; left out."
    if body.get("apiVersion") not in VERSIONS:
        return "apiVersion", f"{str(body.get('apiVersion'))[:60]!r} is none of {', '.join(VERSIONS)}; left out."
    if body.get("kind") not in KINDS:
        return "kind", f"{str(body.get('kind'))[:60]!r} is none that is read here; left out."
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        return "metadata.name", "an object needs a name; left out."
    if not isinstance(body.get("spec"), dict):
        return "spec", "an object needs a spec; left out."
    return None


def _hide_secrets(source: Source, value: Any, path: str) -> None:
    """Connection details may hold passwords. Those are not kept: a data source is named, never carried."""
    if isinstance(value, list):
        for number, inner in enumerate(value):
            _hide_secrets(source, inner, f"{path}[{number}]")
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        here = f"{path}.{key}".lstrip(".")
        if "connectionDetails" in here and isinstance(inner, str) and SECRET.search(key) and inner != HIDDEN:
            value[key] = HIDDEN
            source.note(here, "looks like a secret; it is not kept, and comes out as ***.")
        else:
            _hide_secrets(source, inner, here)
