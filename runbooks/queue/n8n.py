"""What n8n's error workflow sends, read as the payload that failed. No database here.

The body of the request that failed stands in the error of an HTTP node (execution.error.context.request, n8n 1.123);
a workflow may pass on another one beside `execution` and `workflow`, with what the API's items say else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsportal.errors import InvalidInput

SENDING = frozenset({"POST", "PUT", "PATCH"})
CENSORED = "**hidden**"  # what n8n writes in place of credentials: no target wants it
SAID = (
    "payload", "payload_base64", "content_type", "record_key", "external_id", "correlation_id", "target",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failed:
    """The workflow, and its payload as the API's intake reads one, but for the automation."""

    workflow_id: str
    workflow_name: str
    item: dict[str, Any]


def read_failed(body: Any) -> Failed:
    """Raises InvalidInput when this is no failed execution, or none with a payload."""
    workflow, execution = _mapping(body, "workflow"), _mapping(body, "execution")
    workflow_id, name = _text(workflow.get("id"), 100), _text(workflow.get("name"), 200)
    if not workflow_id and not name:
        raise InvalidInput("no_workflow", "The workflow that failed has no id and no name.", field="workflow")
    error = _inner(execution, "error")
    item = {name: body[name] for name in SAID if name in body}
    # A retry in n8n that fails again is the same payload once more.
    run = _text(execution.get("retryOf"), 100) or _text(execution.get("id"), 100)
    if run and not item.get("external_id"):
        item["external_id"] = f"n8n-{workflow_id or name}-{run}"[:200]
    if "payload" not in item and "payload_base64" not in item:
        item["payload"] = _sent(_inner(_inner(error, "context"), "request"))
    item["source"] = "n8n"
    item["error_type"] = " ".join(filter(None, (_text(error.get("name"), 80), _text(error.get("httpCode"), 20))))
    item["error_message"] = _text(error.get("message"), 2_000)
    return Failed(workflow_id, name, item)


def _sent(request: Mapping[str, Any]) -> Any:
    """The body of the request that failed."""
    body = request.get("body")
    if _text(request.get("method"), 10).upper() not in SENDING or not body:
        sentence = "There is no payload: pass it on as “payload” beside “execution” and “workflow”."
        raise InvalidInput("required", sentence, field="payload")
    if CENSORED in str(body):
        sentence = "n8n hid a part of this body; pass the payload on as “payload”."
        raise InvalidInput("censored", sentence, field="payload")
    return body


def _mapping(body: Any, name: str) -> Mapping[str, Any]:
    value = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(value, Mapping):
        raise InvalidInput("invalid", f"An object “{name}” is expected here.", field=name)
    return value


def _inner(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = part.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, longest: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:longest]
