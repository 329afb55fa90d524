"""An exported workflow of n8n, read: what it is, its rhythm, what is wrong with it. No secret leaves this module."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from opsportal.catalog.engine import rhythm
from opsportal.catalog.engine.secrets import MASK, find_secret, masked

MAX_NODES, MAX_FINDINGS, MAX_WORKFLOWS = 2_000, 60, 500
NAME_LENGTH = 160
ERROR_TRIGGER = "n8n-nodes-base.errorTrigger"
BY_HAND = ("manualTrigger", "formTrigger", "chatTrigger", "start")
BY_WORKFLOW = ("executeWorkflowTrigger",)
# Nodes of n8n itself that call no other system.
INSIDE = frozenset(
    {"code", "function", "functionItem", "set", "if", "switch", "merge", "noOp", "splitInBatches", "splitOut"}
    | {"itemLists", "aggregate", "filter", "sort", "limit", "removeDuplicates", "summarize", "dateTime", "wait"}
    | {"stopAndError", "respondToWebhook", "stickyNote", "executeWorkflow", "crypto", "html", "markdown", "xml"}
    | {"renameKeys", "compareDatasets", "convertToFile", "extractFromFile", "start"}
)
ADDRESS = re.compile(r"https?://([^\s/:\"'?#{}]+)", re.IGNORECASE)
FIXED_HOST = re.compile(
    r"^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|.*\.(?:local|internal|lan)|.*\b(?:staging|stage|dev|test|uat|sandbox|qa)\b.*)$",
    re.IGNORECASE,
)
MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
SERVICE_MAIL = re.compile(
    r"^(?:svc|service|bot|no-?reply|automation|integration|ops|revops|api|system|team|info)", re.IGNORECASE
)
OWNED = re.compile(r"\b(?:my|personal|private)\b|\b\w+['’]s\b", re.IGNORECASE)


class NotAWorkflow(ValueError):
    """The text is no export of n8n; the message is fit for the person who sent it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`tone`: bad, warn or calm. `sentence` holds no secret."""

    code: str
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Reading:
    """`external_id` is n8n's id or, without one, its name; `rhythm` as Rhythm.as_dict, empty where it has none."""

    external_id: str
    name: str
    sha256: str
    is_active: bool
    node_count: int
    trigger: str
    rhythm: dict[str, Any]
    findings: list[dict[str, str]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_export(document: Any) -> list[Reading]:
    """Every workflow of an export: one, a list, or the answer of n8n's API. Raises NotAWorkflow."""
    workflows = _workflows(document)
    if not workflows:
        raise NotAWorkflow("There is no workflow in it: an export of n8n has nodes and connections.")
    if len(workflows) > MAX_WORKFLOWS:
        raise NotAWorkflow(f"At most {MAX_WORKFLOWS} workflows at once.")
    return [read_workflow(workflow) for workflow in workflows]


def _workflows(document: Any) -> list[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        for name in ("data", "workflows"):
            if isinstance(document.get(name), list):
                return _workflows(document[name])
        return [document] if isinstance(document.get("nodes"), list) else []
    if isinstance(document, list):
        return [each for each in document if isinstance(each, Mapping) and isinstance(each.get("nodes"), list)]
    return []


def read_workflow(workflow: Mapping[str, Any]) -> Reading:
    """Raises NotAWorkflow where it is too large."""
    nodes = [node for node in workflow["nodes"] if isinstance(node, Mapping)]
    if len(nodes) > MAX_NODES:
        raise NotAWorkflow(f"A workflow of more than {MAX_NODES} nodes is too large.")
    settings = _mapping(workflow.get("settings"))
    enabled = [node for node in nodes if not node.get("disabled")]
    name = clean(workflow.get("name")) or "Unnamed workflow"
    scheduled = [node for node in enabled if node.get("type") in rhythm.NODE_TYPES]
    found = rhythm.rhythm_of(scheduled, str(settings.get("timezone") or "").replace("DEFAULT", "")[:60])
    findings = list(_findings(workflow, nodes, enabled, settings, bool(scheduled)))[:MAX_FINDINGS]
    identity = workflow.get("id")
    return Reading(
        external_id=clean(str(identity)) if isinstance(identity, str | int) and str(identity).strip() else name,
        name=name,
        sha256=content_hash(workflow, nodes),
        is_active=workflow.get("active") is True,
        node_count=sum(not _is_note(node) for node in nodes),
        trigger=_trigger(enabled),
        rhythm=found.as_dict() if found else {},
        findings=[asdict(finding) for finding in findings],
    )


def content_hash(workflow: Mapping[str, Any], nodes: list[Mapping[str, Any]]) -> str:
    """SHA-256 over what the workflow does; where nodes stand, who saved it and when does not count."""
    cosmetic = ("position", "id", "notes", "notesInFlow", "color")
    working = [node for node in nodes if not _is_note(node)]
    said = [{name: value for name, value in node.items() if name not in cosmetic} for node in working]
    said = sorted(said, key=lambda node: str(node.get("name")))
    content = {"nodes": said, **{name: workflow.get(name) for name in ("connections", "settings", "active")}}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def clean(value: Any) -> str:
    """A name fit to be kept and shown: one line, bounded, no control characters, and no secret."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value or "")).split())[:NAME_LENGTH]
    secret = find_secret(text)
    return text.replace(secret, MASK) if secret else text


def _trigger(enabled: list[Mapping[str, Any]]) -> str:
    kinds = {_kind(node) for node in enabled}
    if kinds & {kind.rpartition(".")[2] for kind in rhythm.NODE_TYPES}:
        return "schedule"
    starts = {kind for kind in kinds if kind.lower().endswith("trigger") or kind in ("webhook", "start")}
    if starts - {*BY_HAND, *BY_WORKFLOW, "errorTrigger"}:
        return "event"
    if starts & {*BY_WORKFLOW}:
        return "api"
    return "human" if starts & {*BY_HAND} else "event" if "errorTrigger" in starts else ""


def _findings(
    workflow: Mapping[str, Any],
    nodes: list[Mapping[str, Any]],
    enabled: list[Mapping[str, Any]],
    settings: Mapping[str, Any],
    is_scheduled: bool,
) -> Iterator[Finding]:
    kinds = {str(node.get("type")) for node in enabled}
    yield from _secrets(nodes)
    if not settings.get("errorWorkflow") and ERROR_TRIGGER not in kinds:
        yield Finding("no_error_workflow", "bad", "No error workflow is set: a failure reaches nobody.")
    yield from _personal_logins(nodes)
    yield from _fixed_values(enabled)
    yield from _handling(enabled)
    timeout = settings.get("executionTimeout")
    if not isinstance(timeout, int | float) or timeout <= 0:
        yield Finding("no_timeout", "warn", "No timeout is set: a run that hangs is never ended.")
    if is_scheduled and settings.get("timezone") in (None, "", "DEFAULT"):
        yield Finding("no_timezone", "warn", "Its schedule names no time zone: it follows the server's.")
    if workflow.get("pinData"):
        yield Finding("pinned_data", "warn", "It carries pinned test data, which may be real records.")
    disabled = [clean(node.get("name")) for node in nodes if node.get("disabled")]
    if disabled:
        yield Finding("disabled_nodes", "calm", f"Switched off in it: {_listed(disabled)}.")


def _secrets(nodes: list[Mapping[str, Any]]) -> Iterator[Finding]:
    for node in nodes:
        seen: set[str] = set()
        for place, text in _texts([node.get("parameters"), node.get("notes")]):
            secret = find_secret(text, place)
            if secret and secret not in seen:
                seen.add(secret)
                where = f" at {clean(place)}" if place else ""
                sentence = f"“{clean(node.get('name'))}” holds what reads like a secret{where}: {masked(secret)}."
                yield Finding("secret", "bad", sentence)


def _texts(value: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every string below `value` with the name it stands under; {name, value} pairs count as a named string."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping) and depth < 40:
        named = value.get("name") if isinstance(value.get("value"), str) else None
        for name, each in value.items():
            yield from _texts(each, str(named) if name == "value" and named else str(name), depth + 1)
    elif isinstance(value, list) and depth < 40:
        for each in value:
            yield from _texts(each, place, depth + 1)


def _personal_logins(nodes: list[Mapping[str, Any]]) -> Iterator[Finding]:
    names = {
        clean(_mapping(each).get("name"))
        for node in nodes
        for each in _mapping(node.get("credentials")).values()
        if isinstance(each, Mapping)
    }
    for name in sorted(names):
        mail = MAIL.search(name)
        if (mail and not SERVICE_MAIL.match(mail[0])) or OWNED.search(name):
            yield Finding("personal_login", "warn", f"The credential “{name}” reads like somebody's personal login.")


def _fixed_values(enabled: list[Mapping[str, Any]]) -> Iterator[Finding]:
    for node in enabled:
        hosts = {
            host.casefold()
            for _, text in _texts(node.get("parameters"))
            for host in ADDRESS.findall(text[:20_000])
            if FIXED_HOST.match(host[:200])
        }
        if hosts:
            text = f"“{clean(node.get('name'))}” names a fixed place: {_listed(sorted(map(clean, hosts)))}."
            yield Finding("fixed_environment", "warn", text)


def _handling(enabled: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Retries and swallowed errors of the nodes that call other systems."""
    calling = [node for node in enabled if _calls_out(node)]
    once = [clean(node.get("name")) for node in calling if not node.get("retryOnFail")]
    if once:
        yield Finding("no_retry", "warn", f"Not tried again when they fail: {_listed(once)}.")
    quiet = [clean(node.get("name")) for node in calling if _swallows(node)]
    if quiet:
        yield Finding(
            "swallowed_error", "bad", f"Going on after an error as if nothing had happened: {_listed(quiet)}."
        )


def _calls_out(node: Mapping[str, Any]) -> bool:
    kind = _kind(node)
    return bool(kind) and kind not in INSIDE and kind != "webhook" and not kind.lower().endswith("trigger")


def _swallows(node: Mapping[str, Any]) -> bool:
    return node.get("continueOnFail") is True or node.get("onError") == "continueRegularOutput"


def _is_note(node: Mapping[str, Any]) -> bool:
    return _kind(node) == "stickyNote"


def _kind(node: Mapping[str, Any]) -> str:
    """`httpRequest` of `n8n-nodes-base.httpRequest`."""
    return str(node.get("type") or "").rpartition(".")[2]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(names: list[str], most: int = 6) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
