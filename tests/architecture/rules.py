"""The rules of the house as functions: a source or a template in, one line per finding out."""

import ast
import re
from collections.abc import Callable, Iterator

from tests.architecture.sources import Source

Rule = Callable[[Source], Iterator[str]]

# Below the interfaces `now` is an argument, so these files never ask the clock.
BELOW_INTERFACES = ("models", "states", "engine", "queries", "operations")
MAY_ASK_THE_CLOCK = {
    "opsportal.sweeps.operations": "the worker's interface: takes the database's time and hands it down",
    "opsportal.sweeps.queries": "the same, for the ages of sweeps",
    "opsportal.identity.models": "date_joined is Django's own field and wants a default",
    "opsportal.vault.models": "encrypt() has no `now`; the database stamps the key, and no decision reads the stamp",
    "opsportal.vault.operations": "likewise, when a key is destroyed",
}
# What may be shown without escaping, and why; everything else goes through format_html() or a template.
MAY_TRUST_TEXT = {
    "runbooks.library.pages": "rendered Markdown that nh3 let through (tests/runbooks/test_library_hostile.py)",
}
CLOCK_CALLS = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "timezone.now",
    "timezone.localtime",
    "timezone.localdate",
    "timezone.localnow",
    "functions.Now",
    "Now",
}
CLOCK_KEYWORDS = {"auto_now", "auto_now_add"}
FORBIDDEN_FILES = {"services", "managers", "helpers", "utils", "signals", "misc", "common"}
SIGNALS = {"pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed"}
SAVING = {"save", "delete", "asave", "adelete"}
MODULE_LINES, FUNCTION_LINES, DOCSTRING_LINES = 400, 50, 4

# Who acts: an actor, or where only a person may (approvals), that person.
ACTORS = {"actor", "person", "requested_by"}
WITHOUT_ACTOR = {
    "record": "the Draft holds actor and time",
    **dict.fromkeys(["tell", "tell_many", "publish", "publish_many"], "called by an operation, which writes the entry"),
    **dict.fromkeys(["mark_read", "mark_all_read"], "a person's own inbox; leaves no entry"),
    "close_overdue": "a sweep's part: time acts, and `now` comes first as in every sweep",
}


def asks_the_clock(source: Source) -> Iterator[str]:
    """Only opsportal.clock knows what time it is; fields that fill themselves ask it, too."""
    if source.module == "opsportal.clock" or source.module in MAY_ASK_THE_CLOCK:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call | ast.Attribute | ast.Name):
            yield from _clock_in(node)
        elif isinstance(node, ast.keyword) and node.arg in CLOCK_KEYWORDS:
            yield f"line {node.value.lineno}: {node.arg} asks the clock; the operation passes `now`"


def _clock_in(node: ast.Call | ast.Attribute | ast.Name) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = ".".join(ast.unparse(node.func).split(".")[-2:])
        if name in CLOCK_CALLS:
            yield f"line {node.lineno}: {name}() asks the clock; opsportal.clock is the only place that does"
    elif isinstance(node, ast.Attribute) and ast.unparse(node).endswith("timezone.now"):
        yield f"line {node.lineno}: timezone.now as a default asks the clock"


def takes_time_from_above(source: Source) -> Iterator[str]:
    """Models, engines, queries and operations get `now` as an argument."""
    if source.is_migration or not source.is_file(*BELOW_INTERFACES) or source.module in MAY_ASK_THE_CLOCK:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and _is_clock_import(node):
            yield f"line {node.lineno}: imports the clock below the interfaces; take `now` as an argument"


def _is_clock_import(node: ast.ImportFrom) -> bool:
    return node.module == "opsportal.clock" or (node.module == "opsportal" and "clock" in {a.name for a in node.names})


def names_actor_and_now(source: Source) -> Iterator[str]:
    """An operation of a room that leaves audit entries takes `actor` and `now`, keyword-only; what reads is a query."""
    leaves_entries = any((folder / "audit.py").exists() for folder in list(source.path.parents)[:2])
    if not source.is_file("operations") or not leaves_entries:
        return
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and _is_public_operation(node.name, source):
            named = {argument.arg for argument in node.args.kwonlyargs}
            if "now" not in named:
                yield f"line {node.lineno}: {node.name}() lacks keyword-only now"
            if not named & ACTORS:
                yield f"line {node.lineno}: {node.name}() lacks keyword-only actor"


def _is_public_operation(name: str, source: Source) -> bool:
    """Not what a package keeps to itself; not record_… and note_…: what happened at the door, to nobody known yet."""
    package = source.path.parent / "__init__.py"
    if source.path.parent.name == "operations" and not re.search(rf"\b{name}\b", package.read_text(encoding="utf-8")):
        return False
    return not name.startswith(("_", "record_", "note_")) and name not in WITHOUT_ACTOR


def stays_in_its_concepts(source: Source) -> Iterator[str]:
    """Model, state, engine, query, operation, interface; nothing hides in save(), signals or a drawer named utils."""
    for part in set(source.module.split(".")) & FORBIDDEN_FILES:
        yield f"a file named {part}: give it the name of what it holds"
    if source.is_migration:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and _is_model(node):
            yield from (
                f"line {part.lineno}: {node.name}.{part.name}() is overridden; write an operation"
                for part in node.body
                if isinstance(part, ast.FunctionDef) and part.name in SAVING
            )
        if isinstance(node, ast.Name) and node.id in SIGNALS:
            yield f"line {node.lineno}: {node.id}: domain logic does not hang on signals"


def _is_model(node: ast.ClassDef) -> bool:
    return any(
        ast.unparse(base).rpartition(".")[2] in {"Model", "AbstractUser", "AbstractBaseUser"} for base in node.bases
    )


def has_a_readable_size(source: Source) -> Iterator[str]:
    """A sign that a room has become two, or a function several."""
    if source.is_migration or source.module == "opsportal.settings":
        return
    lines = source.text.count("\n")
    if lines > MODULE_LINES:
        yield f"{lines} lines; about {MODULE_LINES} are one thing"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"line {node.lineno}: {node.name}() has {length} lines; about {FUNCTION_LINES} are one thought"


def says_what_lives_here(source: Source) -> Iterator[str]:
    """A module opens with one to four lines."""
    if source.is_migration or not source.tree.body or source.path.name in {"apps.py", "urls.py", "__init__.py"}:
        return
    docstring = ast.get_docstring(source.tree)
    if not docstring:
        yield "no module docstring"
    elif len(docstring.split("\n\n")[0].splitlines()) > DOCSTRING_LINES and not source.is_file("commands"):
        yield f"the module docstring opens with more than {DOCSTRING_LINES} lines"


def renders_only_escaped_text(source: Source) -> Iterator[str]:
    """mark_safe() and SafeString() trust any text but a literal; format_html() escapes what it is given."""
    if source.module in MAY_TRUST_TEXT:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or all(isinstance(argument, ast.Constant) for argument in node.args):
            continue
        if ast.unparse(node.func).rpartition(".")[2] in {"mark_safe", "SafeString"}:
            yield f"line {node.lineno}: {ast.unparse(node.func)}() trusts its text; use format_html() or a template"


def speaks_without_congratulation(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"\bsuccessful", line, re.IGNORECASE):
            yield f"line {number}: say what happened, not that it was successful"


RULES: list[Rule] = [
    asks_the_clock,
    takes_time_from_above,
    names_actor_and_now,
    stays_in_its_concepts,
    has_a_readable_size,
    says_what_lives_here,
    renders_only_escaped_text,
    speaks_without_congratulation,
]

# What the Content-Security-Policy would block, and what would switch escaping off.
TEMPLATE_FAULTS = {
    r"<style\b": "a style element",
    r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")": "a script element without src",
    r"\sstyle\s*=": "a style attribute",
    r"\son[a-z]+\s*=\s*[\"'{]": "an event attribute",
    r"javascript:": "a javascript: address",
    r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//(?!127)[^\"'{]*\.(?:js|css|woff2?)": "a file from another host",
    r"\|\s*safe\b": "the filter `safe`",
    r"{%\s*autoescape\s+off": "escaping switched off",
    r"(?i)\bsuccessful": "a congratulation",
}


def template_findings(text: str) -> Iterator[str]:
    shown = re.sub(r"{#.*?#}|{%\s*comment.*?endcomment\s*%}", "", text, flags=re.DOTALL)
    for pattern, fault in TEMPLATE_FAULTS.items():
        if found := re.search(pattern, shown):
            yield f"{fault}: …{found[0].strip()}…"
